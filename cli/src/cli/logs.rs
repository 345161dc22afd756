//! `devctl logs`: what the command of a dev server wrote, and its agent.

use clap::Args;
use devplat_api::name::ServerName;
use futures::AsyncReadExt;
use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt, api::LogParams};

use super::{Session, arguments::server_name, describe::explained};
use crate::{
    failure::{Ended, Exit, Failure},
    object::Server,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl logs mydev --tail 50
  devctl logs mydev -f
  devctl logs mydev --previous         of the container before, after a crash";

/// The container that a dev server is.
const CONTAINER: &str = "devserver";
/// How much is passed on at once.
const PIECE: usize = 16 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Which dev server
    #[arg(value_parser = server_name)]
    name: ServerName,
    /// Go on with what is written from now on
    #[arg(long, short)]
    follow: bool,
    /// Only so many lines of the end
    #[arg(long, value_name = "LINES")]
    tail: Option<i64>,
    /// Of the container before the present one
    #[arg(long)]
    previous: bool,
}

impl Logs {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        let cluster = session.cluster().await?;
        let Some(pod) = latest(cluster.pods(&self.name).await?) else {
            return Err(self.without_pod(session).await);
        };
        let params = LogParams {
            container: Some(CONTAINER.to_owned()),
            follow: self.follow,
            tail_lines: self.tail,
            previous: self.previous,
            ..LogParams::default()
        };
        let mut log = std::pin::pin!(cluster.log(&pod, &params).await?);
        let mut piece = vec![0; PIECE];
        loop {
            let read = log.read(&mut piece).await.map_err(|error| Failure::of(Exit::Absent, &error))?;
            if read == 0 || !session.terminal.pass(&piece[..read]) {
                return Ok(Ended::Well);
            }
        }
    }

    /// Why there is no pod.
    async fn without_pod(&self, session: &Session) -> Failure {
        let cluster = match session.cluster().await {
            Ok(cluster) => cluster,
            Err(failure) => return failure,
        };
        match cluster.server(&self.name).await {
            Ok(object) => {
                let mut failure =
                    Failure::new(Exit::NotReady, format!("{} has no pod yet", self.name.as_str()));
                failure.causes.extend(Server::of(&object).trouble());
                failure
            }
            Err(trouble) => explained(cluster, &self.name, trouble).await,
        }
    }
}

/// The pod that was made last.
fn latest(pods: Vec<Pod>) -> Option<String> {
    let latest = pods.into_iter().max_by_key(|pod| pod.creation_timestamp().map(|time| time.0));
    latest.map(|pod| pod.name_any())
}
