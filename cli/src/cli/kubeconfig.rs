//! `devctl kubeconfig`: what the bastion gave to devctl, as a file for other programs. On a laptop, the bastion is asked
//! for it over SSH.

use std::fs;

use clap::Args;

use super::{Session, ssh::door};
use crate::{
    failure::{Ended, Exit, Failure},
    place::{Bastion, Place},
    process,
    view::Entrance,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ssh alice@dev.example.com kubeconfig --server https://api.example.com > kubeconfig
  KUBECONFIG=kubeconfig devctl list    on your own machine, until the token in it ends";

#[derive(Debug, Args)]
pub(crate) struct Kubeconfig {
    /// Where the API server is reached from where the file is used; as the bastion reaches it where missing
    #[arg(long, value_name = "URL", value_parser = url)]
    server: Option<String>,
}

/// Only what is a URL of an API server, since it may go into a command line.
fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-~:/[]%".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && rest.chars().all(plain) => Ok(text.to_owned()),
        _ => Err("write https://HOST[:PORT]".to_owned()),
    }
}

impl Kubeconfig {
    pub(super) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        match &session.place {
            Place::Bastion(bastion) => self.make(session, bastion),
            Place::Laptop(settings) => {
                let (host, user) = door(session, settings).await?;
                let mut arguments = vec!["-T".to_owned()];
                arguments.extend(host.arguments(&user));
                arguments.extend(["--".to_owned(), "kubeconfig".to_owned()]);
                arguments.extend(self.server.into_iter().flat_map(|server| ["--server".to_owned(), server]));
                process::ssh(&arguments).await
            }
        }
    }

    fn make(self, session: &Session, bastion: &Bastion) -> Result<Ended, Failure> {
        let read = bastion.authority.as_ref().map(|path| {
            fs::read(path).map_err(|error| {
                let mut failure = Failure::new(Exit::Internal, format!("cannot read {}", path.display()));
                failure.causes.push(error.to_string());
                failure
            })
        });
        let authority = read.transpose()?;
        let entrance = Entrance {
            server: self.server.as_deref().unwrap_or(&bastion.server),
            authority: authority.as_deref(),
            token: &bastion.token,
            user: &bastion.user,
            namespace: &bastion.namespace,
        };
        session.terminal.say(&entrance.text(session.terminal.look().now));
        Ok(Ended::Well)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_is_a_url_and_nothing_that_a_shell_could_take_apart() {
        assert_eq!(url("https://[::1]:6443"), Ok("https://[::1]:6443".to_owned()));
        for text in ["", "api.example.com", "https://", "https://a b", "https://a;id", "https://$HOME"] {
            assert!(url(text).is_err(), "{text:?}");
        }
    }
}
