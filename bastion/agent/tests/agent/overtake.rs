//! What overtakes input that nobody takes. OpenSSH's client cannot send a signal, so the client here is the library's.

use std::{fs, sync::Arc};

use devplat_keys::PrivateKey;
use russh::{
    Channel, ChannelMsg, Sig, client,
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};

use crate::server::Server;

struct Client;

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

/// A client that is logged in.
async fn client(server: &Server) -> client::Handle<Client> {
    let config = devplat_transport::client("SSH-2.0-test");
    let mut handle = client::connect(config, ("127.0.0.1", server.port), Client).await.unwrap();
    let key = PrivateKey::from_openssh(fs::read_to_string(server.at("key")).unwrap()).unwrap();
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    assert!(handle.authenticate_publickey("dev", key).await.unwrap().success());
    handle
}

/// What comes up to the first message that `last` knows, as text.
async fn hear(channel: &mut Channel<client::Msg>, last: impl Fn(&str, &ChannelMsg) -> bool) -> String {
    let mut said = String::new();
    loop {
        let message = channel.wait().await.unwrap_or_else(|| panic!("it ended after {said:?}"));
        if let ChannelMsg::Data { data } = &message {
            said += &String::from_utf8_lossy(data);
        }
        if last(&said, &message) {
            return said;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_a_size_and_the_end_overtake_input_that_nobody_takes() {
    let server = Server::start();
    let client = client(&server).await;
    let mut channel = client.channel_open_session().await.unwrap();
    channel.request_pty(false, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
    let script = "stty raw -echo; trap 'stty size; exit 7' WINCH; trap 'echo heard' USR1; echo ready; \
                  while :; do sleep 0.05; done";
    channel.exec(false, script).await.unwrap();
    hear(&mut channel, |said, _| said.contains("ready")).await;
    // All of a window.
    channel.data_bytes(vec![b'x'; 8 << 20]).await.unwrap();
    channel.signal(Sig::USR1).await.unwrap();
    hear(&mut channel, |said, _| said.contains("heard")).await;
    channel.window_change(99, 33, 0, 0).await.unwrap();
    hear(&mut channel, |said, _| said.contains("33 99")).await;
    hear(&mut channel, |_, message| matches!(message, ChannelMsg::ExitStatus { exit_status: 7 })).await;
    // That a channel is closed hangs up what runs in it, however much waits.
    let mut channel = client.channel_open_session().await.unwrap();
    channel.exec(false, "echo $$; exec sleep 300").await.unwrap();
    let said = hear(&mut channel, |said, _| said.ends_with('\n')).await;
    let process = format!("/proc/{}", said.trim());
    channel.data_bytes(vec![b'x'; 8 << 20]).await.unwrap();
    assert!(fs::exists(&process).unwrap());
    channel.close().await.unwrap();
    server.eventually("the process is gone", || !fs::exists(&process).unwrap());
}
