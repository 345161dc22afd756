//! The part of the proof that a developer sees: signing in, `devctl`, and a command in the dev server.

use std::time::{Duration, Instant};

use devplat_api::name;
use devplat_keys::UserKey;
use kube::Client;

use super::{NAME, ProofError, Way};
use crate::{
    ObjectRef, Waiting,
    door::{self, ssh},
    waiting::Tell,
};

/// What runs in the dev server: writes to the home and reads it back.
const SCRIPT: &str =
    "set -e; cd \"$HOME\"; echo devplat > .devplat-proof; cat .devplat-proof; rm .devplat-proof; uname -s";
const EXPECTED: &str = "devplat\nLinux\n";

/// How long replicas of the bastion may take to learn of a new user and a new dev server, and a new port to lead to
/// them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Signs in as the user, asks `devctl` for the dev server, then goes into it.
pub(super) async fn prove(
    client: &Client,
    way: Way<'_>,
    key: &UserKey,
    tell: Tell<'_>,
) -> Result<(), ProofError> {
    let authority = door::host_authority(client).await?.ok_or(ProofError::NoAuthority)?;
    let session = Session { client, way, key, authority: &authority, tell };
    let listed = session.run(NAME, "devctl list -o name").await?;
    if !listed.lines().any(|line| line.ends_with(NAME)) {
        return Err(session.wrong(NAME, "devctl list -o name", format!("it said {listed:?}")));
    }
    let user = format!("{NAME}+{NAME}");
    let said = session.run(&user, SCRIPT).await?;
    if said == EXPECTED {
        Ok(())
    } else {
        Err(session.wrong(&user, SCRIPT, format!("it said {said:?} instead of {EXPECTED:?}")))
    }
}

struct Session<'a> {
    client: &'a Client,
    way: Way<'a>,
    key: &'a UserKey,
    authority: &'a devplat_keys::PublicKey,
    tell: Tell<'a>,
}

impl Session<'_> {
    /// Runs `command` and gives what it said; what may only be early is tried again.
    async fn run(&self, user: &str, command: &str) -> Result<String, ProofError> {
        let start = Instant::now();
        loop {
            let why = match self.once(user, command).await {
                Ok(ended) if ended.status == Some(0) => return Ok(ended.stdout),
                Ok(ended) => {
                    let status =
                        ended.status.map_or("no status".to_owned(), |status| format!("status {status}"));
                    self.wrong(user, command, format!("it ended with {status}: {}", ended.stderr.trim()))
                }
                Err(source) => ProofError::Ssh { user: user.to_owned(), source },
            };
            if start.elapsed() > PATIENCE {
                return Err(why);
            }
            (self.tell)(&Waiting {
                object: ObjectRef {
                    api_version: "v1".to_owned(),
                    kind: "Service".to_owned(),
                    namespace: Some(name::BASTION_NAMESPACE.to_owned()),
                    name: name::BASTION.to_owned(),
                },
                progress: format!("signing in as {user}"),
                reason: Some(described(&why)),
            });
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    async fn once(&self, user: &str, command: &str) -> Result<ssh::Ended, ssh::SshError> {
        let stream = self.way.door.connect(self.client).await?;
        let login = ssh::Login { user, key: self.key, authority: self.authority, host: self.way.host };
        ssh::run(stream, &login, command).await
    }

    #[expect(clippy::unused_self, reason = "its failures are told in one way")]
    fn wrong(&self, user: &str, command: &str, why: String) -> ProofError {
        ProofError::Command { command: command.to_owned(), user: user.to_owned(), why }
    }
}

/// An error with its causes, in a line.
fn described(error: &ProofError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
