//! `devctl delete`. The home goes only where that is said, and the operator does it: users may delete no claims.

use clap::Args;
use devplat_api::name::ServerName;
use serde_json::json;

use super::{
    Session,
    arguments::server_name,
    describe::explained,
    wait::{self, Goal, Patience},
};
use crate::{
    failure::{Ended, Exit, Failure},
    object::Server,
    terminal::Answer,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl delete mydev                  its home is kept
  devctl delete mydev --delete-home --force --wait";

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    /// Ask nothing
    #[arg(long, short)]
    force: bool,
    /// Delete its home too, with everything in it
    #[arg(long = "delete-home")]
    home: bool,
    #[command(flatten)]
    patience: Patience,
}

impl Delete {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let name = self.name.as_str();
        if !self.force && !self.is_meant(session).await? {
            session.terminal.remark("nothing was deleted");
            return Ok(Ended::Well);
        }
        if self.home {
            let patch = json!({"spec": {"homeRetention": "Delete"}});
            if let Err(trouble) = cluster.change(&self.name, patch).await {
                return Err(explained(cluster, &self.name, trouble).await);
            }
        }
        if let Err(trouble) = cluster.delete(&self.name).await {
            return Err(explained(cluster, &self.name, trouble).await);
        }
        if self.patience.wait {
            wait::until(session, &self.name, &Goal::Gone, self.patience).await?;
            session.terminal.say(&format!("dev server {name} is gone"));
        } else {
            session.terminal.say(&format!("dev server {name} is being deleted"));
        }
        Ok(Ended::Well)
    }

    async fn is_meant(&self, session: &Session) -> Result<bool, Failure> {
        let cluster = session.cluster().await?;
        let server = match cluster.server(&self.name).await {
            Ok(object) => Server::of(&object),
            Err(trouble) => return Err(explained(cluster, &self.name, trouble).await),
        };
        let home = if self.home || server.home_goes {
            "and its home, with everything in it"
        } else {
            "(its home is kept)"
        };
        match session.terminal.confirm(&format!("delete dev server {} {home}?", server.name)) {
            Answer::Yes => Ok(true),
            Answer::No => Ok(false),
            Answer::NobodyThere => {
                let message = "cannot ask for a confirmation without a terminal";
                Err(Failure::new(Exit::Usage, message).hint("add --force to delete without a question"))
            }
        }
    }
}
