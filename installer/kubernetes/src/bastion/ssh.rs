//! Runs a command over SSH as a developer does, for the proof. The server's key must be signed by the platform's host
//! authority; no key is trusted on first use.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use devplat_keys::{HostRefusal, PublicKey, UserKey, vouch};
use russh::{
    ChannelMsg, Disconnect, client,
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};

use super::{Bytes, RouteError};

/// How long a command may take; those of the proof take far less than a second.
const PATIENCE: Duration = Duration::from_mins(1);

/// A login: the user, their key and the authority they trust.
#[derive(Debug)]
pub struct Login<'a> {
    /// `alice`, or `alice+mydev` for a dev server.
    pub user: &'a str,
    /// The user's key.
    pub key: &'a UserKey,
    /// The platform's host authority.
    pub authority: &'a PublicKey,
    /// The name that the host certificate must be valid for.
    pub host: &'a str,
    /// The time at which it must be valid.
    pub now: SystemTime,
}

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCommand {
    /// The exit status; `None` if a signal ended the command or the connection broke.
    pub status: Option<u32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// The reason why a command did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// The bastion is not reachable.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The host certificate is not the bastion's.
    #[error("the server is not the bastion: {0}")]
    Host(#[from] HostRefusal),
    /// The server has no certificate.
    #[error("the server has no host certificate")]
    BareKey,
    /// The bastion rejects the login.
    #[error("the bastion rejects the key of {0}")]
    Refused(String),
    /// The protocol broke.
    #[error("SSH failed")]
    Protocol(#[from] russh::Error),
    /// It timed out.
    #[error("no answer after {} s", .0.as_secs())]
    Slow(Duration),
}

/// Runs `command` over a connection of its own.
pub async fn run(stream: Box<dyn Bytes>, login: &Login<'_>, command: &str) -> Result<EndedCommand, SshError> {
    match tokio::time::timeout(PATIENCE, exchange(stream, login, command)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SshError::Slow(PATIENCE)),
    }
}

async fn exchange(
    stream: Box<dyn Bytes>,
    login: &Login<'_>,
    command: &str,
) -> Result<EndedCommand, SshError> {
    let verdict = Arc::new(Mutex::new(None));
    let client = Client {
        authority: login.authority.clone(),
        host: login.host.to_owned(),
        now: login.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        verdict: Arc::clone(&verdict),
    };
    let connected =
        client::connect_stream(devplat_transport::client("SSH-2.0-devplat"), stream, client).await;
    let mut handle = match connected {
        Ok(handle) => handle,
        Err(error) => {
            let refused = verdict.lock().ok().and_then(|mut verdict| verdict.take());
            return Err(refused.unwrap_or(SshError::Protocol(error)));
        }
    };
    let key = PrivateKeyWithHashAlg::new(Arc::new(login.key.private_key().clone()), None);
    if !handle.authenticate_publickey(login.user, key).await?.success() {
        return Err(SshError::Refused(login.user.to_owned()));
    }
    let mut channel = handle.channel_open_session().await?;
    channel.exec(true, command).await?;
    channel.eof().await?;
    let (mut stdout, mut stderr, mut status) = (Vec::new(), Vec::new(), None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => take(&mut stdout, &data),
            ChannelMsg::ExtendedData { data, ext: 1 } => take(&mut stderr, &data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            _ => {}
        }
    }
    // The command has ended, so an error of the disconnect is ignored.
    let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(EndedCommand { status, stdout: text(stdout), stderr: text(stderr) })
}

/// Keeps the first 64 KiB of an output.
fn take(output: &mut Vec<u8>, data: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    let room = LIMIT.saturating_sub(output.len());
    output.extend_from_slice(&data[..data.len().min(room)]);
}

struct Client {
    authority: PublicKey,
    host: String,
    /// In seconds since 1970.
    now: u64,
    verdict: Arc<Mutex<Option<SshError>>>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let judged = match key.certificate() {
            Some(certificate) => {
                vouch(certificate, &self.authority, &self.host, self.now).map_err(SshError::Host)
            }
            None => Err(SshError::BareKey),
        };
        match judged {
            Ok(()) => Ok(true),
            Err(error) => {
                if let Ok(mut verdict) = self.verdict.lock() {
                    *verdict = Some(error);
                }
                Ok(false)
            }
        }
    }
}
