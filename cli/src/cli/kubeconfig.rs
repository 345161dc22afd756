//! `devctl kubeconfig`: what the bastion gave to devctl, as a file for other programs.

use std::fs;

use clap::Args;

use super::Session;
use crate::{
    failure::{Ended, Exit, Failure},
    place::Place,
    view::Entrance,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ssh alice@dev.example.com kubeconfig > kubeconfig
  KUBECONFIG=kubeconfig devctl list    on your own machine, until the token in it ends";

#[derive(Debug, Args)]
pub(crate) struct Kubeconfig {}

impl Kubeconfig {
    #[expect(clippy::unused_self, reason = "as every verb")]
    pub(super) fn run(self, session: &Session) -> Result<Ended, Failure> {
        let Place::Bastion(bastion) = &session.place else {
            let message = "a kubeconfig is what devctl uses here already";
            return Err(Failure::new(Exit::Usage, message)
                .hint("`ssh USER@HOST kubeconfig` makes one with a token of the bastion's"));
        };
        let read = bastion.authority.as_ref().map(|path| {
            fs::read(path).map_err(|error| {
                let mut failure = Failure::new(Exit::Internal, format!("cannot read {}", path.display()));
                failure.causes.push(error.to_string());
                failure
            })
        });
        let authority = read.transpose()?;
        let entrance = Entrance {
            server: &bastion.server,
            authority: authority.as_deref(),
            token: &bastion.token,
            user: &bastion.user,
            namespace: &bastion.namespace,
        };
        session.terminal.say(&entrance.text(session.terminal.look().now));
        Ok(Ended::Well)
    }
}
