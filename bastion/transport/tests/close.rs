//! What the patched library does when a server closes a channel first (third-party/README.md).

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::{sync::Arc, time::Duration};

use devplat_transport::Unblocked;
use russh::{
    Channel, ChannelId,
    client::{self, AuthResult},
    keys::{PrivateKey, PublicKeyOrCertificate, ssh_key::private::Ed25519Keypair},
    server::{self, Auth, ChannelOpenHandle, Msg, Session},
};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::timeout,
};

/// Closes each channel at once, and tells of each end that it hears of.
struct Closing(UnboundedSender<ChannelId>);

impl server::Handler for Closing {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        tokio::spawn(async move { channel.close().await });
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.0.send(channel).unwrap();
        Ok(())
    }
}

struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

#[tokio::test]
async fn a_server_that_closes_a_channel_first_hears_once_that_it_is_gone() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (sender, mut ends) = unbounded_channel();
    let config = devplat_transport::server("SSH-2.0-server", key(1), None);
    tokio::spawn(async move {
        server::run_stream(config, Unblocked::new(far), Closing(sender)).await.unwrap().await
    });
    let config = devplat_transport::client("SSH-2.0-client");
    let mut client = client::connect_stream(config, Unblocked::new(near), Trusting).await.unwrap();
    let key = russh::keys::PrivateKeyWithHashAlg::new(Arc::new(key(2)), None);
    assert!(matches!(client.authenticate_publickey("who", key).await.unwrap(), AuthResult::Success));
    let mut heard = Vec::new();
    for _ in 0..3 {
        let mut channel = client.channel_open_session().await.unwrap();
        while channel.wait().await.is_some() {}
        let end = timeout(Duration::from_secs(10), ends.recv()).await;
        heard.push(end.expect("the server hears of the end").unwrap());
    }
    heard.dedup();
    assert_eq!(heard.len(), 3);
    assert!(ends.try_recv().is_err());
}
