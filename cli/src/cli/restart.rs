//! `devctl restart`: the pod gives way to a new one, with the same home.

use clap::Args;
use devplat_api::name::{RESTART_ANNOTATION, ServerName};
use serde_json::json;

use super::{
    Session,
    arguments::server_name,
    describe::explained,
    wait::{self, Goal, Patience},
};
use crate::{
    failure::{Ended, Failure},
    object::Server,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl restart mydev --wait";

#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    #[command(flatten)]
    patience: Patience,
}

impl Restart {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let name = self.name.as_str();
        let value = session.terminal.look().now.to_string();
        let patch = json!({"metadata": {"annotations": {(RESTART_ANNOTATION): value}}});
        let before = match cluster.change(&self.name, patch).await {
            Ok(object) => Server::of(&object),
            Err(trouble) => return Err(explained(cluster, &self.name, trouble).await),
        };
        if self.patience.wait {
            wait::until(session, &self.name, &Goal::ReadyAgain(Box::new(before)), self.patience).await?;
            session.terminal.say(&format!("dev server {name} is ready again"));
        } else {
            session.terminal.say(&format!("dev server {name} restarts"));
        }
        Ok(Ended::Well)
    }
}
