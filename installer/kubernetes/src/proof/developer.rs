//! The part of the proof that a developer would do: sign in, run `devctl`, and run a command in the dev server.

use std::{sync::OnceLock, time::Duration};

use devplat_api::name;
use devplat_keys::{HostRefusal, PublicKey, UserKey};
use kube::Client;
use tokio::time::Instant;

use super::{NAME, ProofError};
use crate::{
    Clock, ObjectRef, Pace, Waiting,
    bastion::{self, Route, ssh},
    call::chain,
    pace::{Reporter, stoppable},
};

/// The script that runs in the dev server: writes to the home and reads it back.
const SCRIPT: &str =
    "set -e; cd \"$HOME\"; echo devplat > .devplat-proof; cat .devplat-proof; rm .devplat-proof; uname -s";
const EXPECTED: &str = "devplat\nLinux\n";

/// How long the replicas of the bastion may take to see a new user and a dev server that is ready, and kube-proxy to route
/// a new port to them.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the bastion may show keys of another authority: if the seed was lost, the operator makes new keys, and the
/// kubelet brings them to the bastion within about 90 s.
const OTHER_KEYS: Duration = Duration::from_mins(3);

/// The bastion's address as this machine reaches it.
#[derive(Clone, Copy)]
pub struct BastionAddress<'a> {
    /// The route to the bastion.
    pub route: &'a Route,
    /// The name that its host certificate must be valid for.
    pub host: &'a str,
    /// The time at which the certificate must be valid.
    pub clock: &'a Clock,
}

/// Signs in as the user, lists the dev server with `devctl`, then runs the script in it. The dev server may still be
/// starting: the bastion connects to it as soon as SSH answers there. The caller sets `ready_at` when it is ready.
pub(super) async fn prove(
    client: &Client,
    bastion: BastionAddress<'_>,
    key: &UserKey,
    ready_at: &OnceLock<Instant>,
    pace: &dyn Pace,
) -> Result<(), ProofError> {
    let authority = bastion::host_authority(client, pace).await?.ok_or(ProofError::NoAuthority)?;
    let developer = Developer { client, bastion, key, authority: &authority, ready_at, pace };
    let listed = developer.run(NAME, "devctl list -o name").await?;
    if !listed.lines().any(|line| line.ends_with(NAME)) {
        return Err(wrong(NAME, "devctl list -o name", format!("its output is {listed:?}")));
    }
    let user = format!("{NAME}+{NAME}");
    let said = developer.run(&user, SCRIPT).await?;
    if said == EXPECTED {
        Ok(())
    } else {
        Err(wrong(&user, SCRIPT, format!("its output is {said:?} instead of {EXPECTED:?}")))
    }
}

struct Developer<'a> {
    client: &'a Client,
    bastion: BastionAddress<'a>,
    key: &'a UserKey,
    authority: &'a PublicKey,
    /// The time at which the dev server was ready; empty while it is starting.
    ready_at: &'a OnceLock<Instant>,
    pace: &'a dyn Pace,
}

impl Developer<'_> {
    /// Runs `command` and returns its output. Retries failures that may pass once the bastion has seen the user and the
    /// dev server is ready.
    async fn run(&self, user: &str, command: &str) -> Result<String, ProofError> {
        let start = Instant::now();
        let mut reporter = Reporter::new(self.pace);
        loop {
            let why = match stoppable(self.pace, Box::pin(self.once(user, command))).await? {
                Ok(ended) if ended.status == Some(0) => return Ok(ended.stdout),
                Ok(ended) => {
                    let status =
                        ended.status.map_or("no status".to_owned(), |status| format!("status {status}"));
                    wrong(user, command, format!("it ended with {status}: {}", ended.stderr.trim()))
                }
                Err(source) => ProofError::Ssh { user: user.to_owned(), source },
            };
            let ready_for = self.ready_at.get().map(Instant::elapsed);
            if is_final(start.elapsed(), ready_for, patience(&why)) {
                return Err(why);
            }
            // While the dev server is starting, the proof reports the wait for it.
            if ready_for.is_some() {
                reporter.report(Waiting {
                    object: ObjectRef::new("v1", "Service", Some(name::BASTION_NAMESPACE), name::BASTION),
                    progress: format!("signing in as {user}"),
                    reason: Some(chain(&why)),
                });
            }
            self.pace.pause(Duration::from_millis(500)).await?;
        }
    }

    async fn once(&self, user: &str, command: &str) -> Result<ssh::EndedCommand, ssh::SshError> {
        let stream = self.bastion.route.connect(self.client, self.pace).await?;
        let BastionAddress { route: _, host, clock } = self.bastion;
        let login = ssh::Login { user, key: self.key, authority: self.authority, host, now: clock() };
        ssh::run(stream, &login, command).await
    }
}

/// Returns whether the failure of a command is final that was retried for `retried_for`. While the dev server is starting,
/// it is not, because the reason why the dev server does not become ready also explains the command's failure.
fn is_final(retried_for: Duration, ready_for: Option<Duration>, patience: Duration) -> bool {
    ready_for.is_some_and(|ready_for| retried_for.min(ready_for) > patience)
}

/// Returns how long a command may fail with this error.
fn patience(error: &ProofError) -> Duration {
    match error {
        ProofError::Ssh { user: _, source: ssh::SshError::Host(HostRefusal::Authority(_)) } => OTHER_KEYS,
        _ => PATIENCE,
    }
}

fn wrong(user: &str, command: &str, why: String) -> ProofError {
    ProofError::Command { command: command.to_owned(), user: user.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_command_is_retried_until_the_dev_server_stays_ready() {
        let (short, long) = (PATIENCE / 2, PATIENCE * 2);
        let is_final = |retried, ready| is_final(retried, ready, PATIENCE);
        assert!(!is_final(long, None), "the dev server is starting");
        assert!(!is_final(long, Some(short)), "the dev server has just become ready");
        assert!(!is_final(short, Some(long)), "the command is new");
        assert!(is_final(long, Some(long)));
    }
}
