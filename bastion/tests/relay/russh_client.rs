//! An SSH client for tests, made with russh. OpenSSH's client rejects some requests before it asks the server, and the
//! words that it prints differ between versions. This client sends every request and returns the server's answers as
//! values. The agent's tests include this file as well.

#![allow(dead_code, reason = "two test programs include this file, and each uses a part of it")]

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use devplat_keys::{Certificate, PrivateKey};
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelOpenFailure, MethodKind, MethodSet, Sig,
    client::{self, AuthResult, DisconnectReason, Handle, Msg, RemoteDisconnectInfo, Session},
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::timeout,
};

/// The longest wait for one answer of a server.
const ANSWER: Duration = Duration::from_mins(1);

/// A connection to a server. It trusts every server and records the certificate.
pub(crate) struct Client {
    /// The library's own handle, for requests that few tests send.
    pub(crate) handle: Handle<Recorder>,
    certificate: Arc<OnceLock<Certificate>>,
    refusals: UnboundedReceiver<Refusal>,
    disconnects: UnboundedReceiver<RemoteDisconnectInfo>,
}

/// `SSH_MSG_CHANNEL_OPEN_FAILURE`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: ChannelOpenFailure,
    pub(crate) description: String,
}

/// The output and the end of a command.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: Option<u32>,
    pub(crate) signal: Option<Sig>,
}

/// Keeps those parts of the server's messages that the library's handle does not return.
pub(crate) struct Recorder {
    certificate: Arc<OnceLock<Certificate>>,
    refusals: UnboundedSender<Refusal>,
    disconnects: UnboundedSender<RemoteDisconnectInfo>,
}

impl client::Handler for Recorder {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        if let Some(certificate) = shown.certificate() {
            let _ = self.certificate.set(certificate.clone());
        }
        Ok(true)
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        reason: ChannelOpenFailure,
        description: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let _ = self.refusals.send(Refusal { reason, description: description.to_owned() });
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(message) => {
                let _ = self.disconnects.send(message);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

impl Client {
    /// Connects to `address`, up to and with the key exchange.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let certificate = Arc::<OnceLock<Certificate>>::default();
        let (refusals, refused) = unbounded_channel();
        let (disconnects, disconnected) = unbounded_channel();
        let recorder = Recorder { certificate: certificate.clone(), refusals, disconnects };
        let config = devplat_transport::client("SSH-2.0-test");
        let handle = in_time(client::connect(config, address, recorder)).await.unwrap();
        Self { handle, certificate, refusals: refused, disconnects: disconnected }
    }

    /// The host certificate whose key the server has proved to hold.
    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.get()
    }

    /// The answer to a login as `user` with `key`.
    pub(crate) async fn log_in(&mut self, user: &str, key: &PrivateKey) -> AuthResult {
        let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
        in_time(self.handle.authenticate_publickey(user, key)).await.unwrap()
    }

    /// The answer to a login as `user` with `key` and its `certificate`.
    pub(crate) async fn log_in_certified(
        &mut self,
        user: &str,
        key: &PrivateKey,
        certificate: Certificate,
    ) -> AuthResult {
        let key = Arc::new(key.clone());
        in_time(self.handle.authenticate_openssh_cert(user, key, certificate)).await.unwrap()
    }

    /// Opens a session.
    pub(crate) async fn session(&mut self) -> Result<Channel<Msg>, Refusal> {
        let answer = in_time(self.handle.channel_open_session()).await;
        self.opened(answer).await
    }

    /// Opens a connection through the server to `port` of `host`.
    pub(crate) async fn direct_tcpip(&mut self, host: &str, port: u16) -> Result<Channel<Msg>, Refusal> {
        let open = self.handle.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0);
        let answer = in_time(open).await;
        self.opened(answer).await
    }

    async fn opened(&mut self, answer: Result<Channel<Msg>, russh::Error>) -> Result<Channel<Msg>, Refusal> {
        match answer {
            Ok(channel) => Ok(channel),
            // The library drops the description here, so it comes from the recorder.
            Err(russh::Error::ChannelOpenFailure(_)) => Err(in_time(self.refusals.recv()).await.unwrap()),
            Err(error) => panic!("the connection ended without an answer: {error}"),
        }
    }

    /// Asks the server to listen on `port` of `address`, or on a free port if it is 0, and returns the port.
    pub(crate) async fn forward_port(&self, address: &str, port: u16) -> Result<u32, russh::Error> {
        in_time(self.handle.tcpip_forward(address, port.into())).await
    }

    /// Runs `command` to its end.
    pub(crate) async fn run(&mut self, command: &str) -> Ended {
        let mut channel = self.session().await.unwrap();
        channel.exec(true, command).await.unwrap();
        ended(&mut channel).await
    }

    /// `SSH_MSG_DISCONNECT`, or `None` if the connection ends without one.
    pub(crate) async fn disconnected(&mut self) -> Option<RemoteDisconnectInfo> {
        in_time(self.disconnects.recv()).await
    }
}

/// The answer to a login that a server rejects: `SSH_MSG_USERAUTH_FAILURE` with `publickey` as the only method. russh
/// returns a failure without methods if the connection ends in place of an answer.
pub(crate) fn rejected() -> AuthResult {
    let remaining_methods = MethodSet::from(&[MethodKind::PublicKey][..]);
    AuthResult::Failure { remaining_methods, partial_success: false }
}

/// Waits for one answer of a server, with a bound.
pub(crate) async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    timeout(ANSWER, answer).await.expect("the server answers in time")
}

/// Waits for the answer to the last request on `channel` and returns whether it is a success.
pub(crate) async fn granted(channel: &mut Channel<Msg>) -> bool {
    loop {
        match in_time(channel.wait()).await {
            Some(ChannelMsg::Success) => return true,
            Some(ChannelMsg::Failure) => return false,
            Some(_) => {}
            None => panic!("the channel ended without an answer"),
        }
    }
}

/// Reads `channel` up to the first message for which `last` holds, given the output so far, and returns the output.
pub(crate) async fn output_until(
    channel: &mut Channel<Msg>,
    last: impl Fn(&str, &ChannelMsg) -> bool,
) -> String {
    let mut out = String::new();
    loop {
        let message = in_time(channel.wait()).await;
        let message = message.unwrap_or_else(|| panic!("the channel ended after {out:?}"));
        if let ChannelMsg::Data { data } = &message {
            out += &String::from_utf8_lossy(data);
        }
        if last(&out, &message) {
            return out;
        }
    }
}

/// Reads `channel` to its end.
pub(crate) async fn ended(channel: &mut Channel<Msg>) -> Ended {
    let mut ended = Ended::default();
    while let Some(message) = in_time(channel.wait()).await {
        match message {
            ChannelMsg::Data { data } => ended.out += &String::from_utf8_lossy(&data),
            ChannelMsg::ExtendedData { data, ext: 1 } => ended.err += &String::from_utf8_lossy(&data),
            ChannelMsg::ExitStatus { exit_status } => ended.status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => ended.signal = Some(signal_name),
            _ => {}
        }
    }
    ended
}
