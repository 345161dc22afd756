//! `devctl homes`: also those that no dev server uses.

use clap::Args;
use kube::ResourceExt;

use super::{Session, arguments::Output};
use crate::{
    failure::{Ended, Failure},
    view,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl homes
  devctl create mydev                  gets the kept home mydev-home again";

#[derive(Debug, Args)]
pub(crate) struct Homes {
    #[command(flatten)]
    output: Output,
}

impl Homes {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let (claims, servers) = tokio::try_join!(cluster.homes(), cluster.servers())?;
        let names: Vec<String> = servers.iter().map(ResourceExt::name_any).collect();
        session.show(&view::Homes::new(claims, &names), self.output.output);
        Ok(Ended::Well)
    }
}
