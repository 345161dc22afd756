//! What the library calls for a connection. Answers to requests are given here and at once: the library remembers of the
//! last request only whether it wants an answer, so that a later one would go astray.

use devplat_keys::Certificate;
use russh::{
    Channel, ChannelId, Pty, Sig,
    server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};

use super::{
    Control, Size,
    visitor::{State, Visitor},
};
use crate::{
    auth,
    door::{Door, now},
};

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_none(&mut self, text: &str) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        Ok(Auth::reject())
    }

    async fn auth_publickey_offered(
        &mut self,
        text: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let Door { directory, authorities, .. } = &*self.door;
        if auth::worth_a_try(directory, authorities, text, offer.public_key) {
            return Ok(Auth::Accept);
        }
        if let Err(why) = auth::by_key(directory, text, offer.public_key) {
            self.pass.deny(text, why);
        }
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, text: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let outcome = auth::by_key(&self.door.directory, text, key.public_key);
        Ok(self.decided(text, outcome))
    }

    async fn auth_openssh_certificate(
        &mut self,
        text: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let Door { directory, authorities, .. } = &*self.door;
        let from = self.pass.from().ip();
        let outcome = auth::by_certificate(directory, authorities, text, certificate, from, now());
        Ok(self.decided(text, outcome))
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Self::Error> {
        self.enter(session)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open_session(channel, reply, session).await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open_port(channel, (host, port), (from, from_port), reply, session).await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.open_socket(channel, path, reply).await;
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(open) = self.channels.remove(&id) {
            open.closed.cancel();
        }
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
        let allowed = self.visit().is_some_and(|visit| visit.identity().permissions().pty);
        if allowed { session.channel_success(id) } else { session.channel_failure(id) }
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(match &self.state {
            State::Relay(relay) => relay.visit().identity().permissions().agent_forwarding,
            State::Stranger | State::Proved { .. } | State::Control(_) => false,
        })
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.control(id, Control::Window(Size { columns, rows, width, height }));
        session.channel_success(id)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, session: &mut Session) -> Result<(), Self::Error> {
        self.control(id, Control::Signal(signal));
        session.channel_success(id)
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        let given = relay.forward_port(address, *port).await;
        *port = given.unwrap_or(*port);
        Ok(given.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.cancel_port(address, port).await)
    }

    async fn streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.forward_socket(path).await)
    }

    async fn cancel_streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.cancel_socket(path).await)
    }
}
