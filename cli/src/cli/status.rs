//! `devctl status`: everything in one look.

use clap::Args;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Failure},
    view,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl status
  devctl status -o json | jq .ready";

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    output: Output,
}

impl Status {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let (servers, flavors) = tokio::try_join!(cluster.servers(), cluster.flavors())?;
        let namespace = cluster.namespace.clone();
        let user = session.place.user(&namespace);
        let create = session.invocation.line("create NAME");
        session.show(&view::Status::new(user, namespace, &servers, &flavors, create), self.output.output);
        Ok(Ended::Well)
    }
}
