//! `devctl list`: one request, whatever the format.

use clap::Args;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Failure},
    view::Servers,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl list
  devctl list -o wide                  with images, pods and messages
  devctl list -o name | xargs -n1 devctl delete --force";

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let create = session.invocation.line("create NAME");
        let servers = Servers::new(session.cluster().await?.servers().await?, create);
        session.show(&servers, self.output.output);
        Ok(Ended::Well)
    }
}
