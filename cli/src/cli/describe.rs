//! `devctl describe`: a dev server with what happened to it; asks for all at once.

use clap::Args;
use devplat_api::name::ServerName;
use kube::ResourceExt;

use super::{
    Session,
    arguments::{Output, server_name},
};
use crate::{
    cluster::{Cluster, Trouble},
    failure::{Ended, Exit, Failure},
    object::{Home, nearest, of_server},
    view::Described,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl describe mydev
  devctl describe mydev -o json | jq -r .trouble";

#[derive(Debug, Args)]
pub(crate) struct Describe {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    #[command(flatten)]
    output: Output,
}

impl Describe {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let (server, events, homes) =
            tokio::join!(cluster.server(&self.name), cluster.events(), cluster.homes());
        let server = match server {
            Ok(server) => server,
            Err(trouble) => return Err(explained(cluster, &self.name, trouble).await),
        };
        let events = of_server(&self.name, &events?);
        let shell = session.invocation.shell(self.name.as_str());
        // Without them, the description has no size of the home.
        let homes = homes.unwrap_or_default();
        let home = homes.iter().map(|claim| Home::of(claim, &[])).find(|home| home.claim == self.name.home());
        let described = Described::new(server, events, shell).with_home(home.and_then(|home| home.size));
        session.show(&described, self.output.output);
        Ok(Ended::Well)
    }
}

/// A dev server that is not there, with the one that was probably meant.
pub(super) async fn explained(cluster: &Cluster, name: &ServerName, trouble: Trouble) -> Failure {
    if !matches!(trouble, Trouble::Absent { .. }) {
        return trouble.into();
    }
    let failure = Failure::new(Exit::Absent, format!("there is no dev server {}", name.as_str()));
    let others = cluster.servers().await.unwrap_or_default();
    let names: Vec<String> = others.iter().map(ResourceExt::name_any).collect();
    match nearest(name.as_str(), names.iter().map(String::as_str)) {
        Some(other) => failure.hint(format!("did you mean {other}?")),
        None if names.is_empty() => failure.run("create NAME", "to create your first one"),
        None => failure.run("list", "to see yours"),
    }
}
