//! A stub of an agent: it lets in who has the bastion's certificate, and knows a few words instead of a shell.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use devplat_keys::{Admission, Certificate, Revocations, admit};
use russh::{
    Channel, ChannelId, ChannelMsg, Pty, Sig,
    server::{self, Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Session},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use crate::keys::{host_authority, session_authority};

pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    pub(crate) accepted: Arc<std::sync::atomic::AtomicUsize>,
    begun: Arc<Semaphore>,
    task: AbortHandle,
}

impl Stub {
    /// Waits until one more command has begun.
    pub(crate) async fn begins_a_command(&self) {
        let begun = tokio::time::timeout(Duration::from_secs(10), self.begun.acquire()).await;
        begun.expect("a command begins").unwrap().forget();
    }

    /// As if its node were gone: every connection ends.
    pub(crate) fn kill(&self) {
        self.task.abort();
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn start(namespace: &'static str, name: &'static str) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // With the name that devplat's ssh configuration uses.
    let alias = namespace.strip_prefix("dev-").map(|user| format!("{name}.{user}.team-a"));
    let identity = host_authority().server(namespace, name, alias);
    let config = devplat_transport::server("SSH-2.0-stub", identity.key, Some(identity.certificate));
    let accepted = Arc::<std::sync::atomic::AtomicUsize>::default();
    let count = accepted.clone();
    let begun = Arc::new(Semaphore::new(0));
    let of_all = begun.clone();
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let principal = format!("{namespace}/{name}");
            let begun = of_all.clone();
            let (config, agent) = (config.clone(), Agent { principal, begun, listeners: HashMap::new() });
            let (near, mut far) = tokio::io::duplex(1 << 20);
            // Through a pair of pipes, so that ending this task ends the connection, however the library runs it.
            connections.spawn(async move {
                let mut stream = stream;
                let _ = stream.set_nodelay(true);
                let session = tokio::spawn(async move {
                    if let Ok(session) = server::run_stream(config, near, agent).await {
                        let _ = session.await;
                    }
                });
                let _ = copy_bidirectional(&mut stream, &mut far).await;
                session.abort();
            });
        }
    });
    Stub { address, accepted, begun, task: task.abort_handle() }
}

struct Agent {
    principal: String,
    begun: Arc<Semaphore>,
    listeners: HashMap<u32, AbortHandle>,
}

impl server::Handler for Agent {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, _: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn auth_openssh_certificate(&mut self, _: &str, made: &Certificate) -> Result<Auth, Self::Error> {
        let authorities = [session_authority().public_key().clone()];
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let revoked = Revocations::default();
        let (authorities, principal) = (&authorities[..], self.principal.as_str());
        let asked = Admission { authorities, principal, from: None, now, revoked: &revoked };
        Ok(if admit(made, &asked).is_ok() { Auth::Accept } else { Auth::reject() })
    }

    // What `ssh -J` comes with.
    async fn auth_publickey(
        &mut self,
        _: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let alice = crate::keys::key(crate::keys::ALICE);
        let known = key.public_key.key_data() == alice.public_key().key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        tokio::spawn(serve(channel, session.handle(), self.begun.clone()));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let address = format!("{host}:{port}");
        tokio::spawn(async move {
            match TcpStream::connect(address).await {
                Ok(mut stream) => {
                    reply.accept().await;
                    let _ = copy_bidirectional(&mut channel.into_stream(), &mut stream).await;
                }
                Err(_) => reply.reject(russh::ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(true)
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Self::Error> {
        let host = if address == "localhost" || address.is_empty() { "127.0.0.1" } else { address };
        let Ok(listener) = TcpListener::bind((host, u16::try_from(*port).unwrap())).await else {
            return Ok(false);
        };
        *port = u32::from(listener.local_addr().unwrap().port());
        let (handle, address, number) = (session.handle(), address.to_owned(), *port);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, from)) = listener.accept().await {
                let (handle, address) = (handle.clone(), address.clone());
                tokio::spawn(async move {
                    let from_port = u32::from(from.port());
                    let opened = handle
                        .channel_open_forwarded_tcpip(address, number, from.ip().to_string(), from_port)
                        .await;
                    if let Ok(channel) = opened {
                        let _ = copy_bidirectional(&mut channel.into_stream(), &mut stream).await;
                    }
                });
            }
        });
        self.listeners.insert(number, task.abort_handle());
        Ok(true)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        Ok(self.listeners.remove(&port).map(|task| task.abort()).is_some())
    }
}

/// Understands a few words. See the end for what they do.
async fn serve(mut channel: Channel<Msg>, handle: Handle, begun: Arc<Semaphore>) {
    let (mut terminal, mut variables) = (String::from("none"), String::new());
    let command = loop {
        match channel.wait().await {
            Some(ChannelMsg::RequestPty { term, col_width, row_height, .. }) => {
                terminal = format!("{term} {col_width}x{row_height}");
            }
            Some(ChannelMsg::SetEnv { variable_name, variable_value, .. }) => {
                variables = format!("{variables}{variable_name}={variable_value}\n");
            }
            Some(ChannelMsg::RequestShell { .. }) => break "shell".to_owned(),
            Some(ChannelMsg::Exec { command, .. }) => break String::from_utf8(command).unwrap(),
            Some(_) => {}
            None => return,
        }
    };
    begun.add_permits(1);
    let mut words = command.split(' ');
    let (word, rest) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut status = 0;
    match word {
        "exit" => status = rest.parse().unwrap(),
        "terminal" => say(&channel, &terminal).await,
        "env" => say(&channel, &variables).await,
        "stderr" => channel.extended_data_bytes(1, rest.to_owned()).await.unwrap(),
        // Gives back what comes, until it ends.
        "cat" | "shell" => loop {
            match channel.wait().await {
                Some(ChannelMsg::Data { data }) if word == "shell" && data.as_ref() == [4] => break,
                Some(ChannelMsg::Data { data }) => channel.data_bytes(data).await.unwrap(),
                Some(ChannelMsg::Eof) | None => break,
                Some(_) => {}
            }
        },
        // Says how much came once it ends.
        "count" => {
            let mut count = 0;
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Data { data }) => count += data.len(),
                    Some(ChannelMsg::Eof) | None => break,
                    Some(_) => {}
                }
            }
            say(&channel, &count.to_string()).await;
        }
        // Writes so many bytes, and reads none.
        "burst" => {
            let mut left: usize = rest.parse().unwrap();
            let bytes = bytes::Bytes::from(vec![b'x'; 32 << 10]);
            while left > 0 {
                let part = bytes.slice(..left.min(bytes.len()));
                left -= part.len();
                if channel.data_bytes(part).await.is_err() {
                    return;
                }
            }
        }
        // Neither reads nor writes.
        "hang" => std::future::pending().await,
        "window" => loop {
            if let Some(ChannelMsg::WindowChange { col_width, row_height, .. }) = channel.wait().await {
                break say(&channel, &format!("{col_width}x{row_height}")).await;
            }
        },
        "killed" => {
            sleep(Duration::from_millis(rest.parse().unwrap_or(0))).await;
            let id = channel.id();
            let (text, language) = (String::new(), String::new());
            let _ = handle.exit_signal_request(id, Sig::KILL, false, text, language).await;
            let _ = channel.close().await;
            return;
        }
        "agent" => match handle.channel_open_agent().await {
            Ok(other) => {
                say(&channel, "opened").await;
                let _ = other.close().await;
            }
            Err(_) => say(&channel, "refused").await,
        },
        _ => status = 127,
    }
    let _ = channel.exit_status(status).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}

async fn say(channel: &Channel<Msg>, text: &str) {
    let _ = channel.data_bytes(format!("{text}\n").into_bytes()).await;
}
