//! Ports and sockets in a dev server that lead back to the client. Each has a connection of its own, so that one whose
//! client does not read holds up only itself, and so that nothing of it is left when that connection ends.

mod list;

use std::time::Duration;

use tokio::time::timeout;

pub(crate) use list::Forwards;

use super::{NoWay, Relay, dial::Agent, wait, wish::Place};

/// Forwards that one connection may have.
const MOST: usize = 32;
/// How long asking the agent may take. The whole connection of the client waits for it: the protocol has the answers to
/// such requests in their order.
const ANSWER: Duration = Duration::from_secs(12);

impl Relay {
    /// Forwards `port` (0 for any) at `address` of the dev server. Gives the port, or `None` where that is not possible.
    pub(crate) async fn forward_port(&self, address: &str, port: u32) -> Option<u32> {
        let place = |port| Place::Port(address.to_owned(), port);
        let (agent, given) = self.forward("tcpip-forward", &format!("{address}:{port}"), place(port)).await?;
        self.forwards.lock().insert(place(given?), agent);
        given
    }

    /// Forwards the socket `path` of the dev server.
    pub(crate) async fn forward_socket(&self, path: &str) -> bool {
        let place = Place::Socket(path.to_owned());
        let made = self.forward("streamlocal-forward", path, place.clone()).await;
        let Some((agent, _)) = made else { return false };
        self.forwards.lock().insert(place, agent);
        true
    }

    /// Ends the forward of a port. What is connected through it may go on.
    pub(crate) async fn cancel_port(&self, address: &str, port: u32) -> bool {
        self.cancel(Place::Port(address.to_owned(), port)).await
    }

    /// Ends the forward of a socket.
    pub(crate) async fn cancel_socket(&self, path: &str) -> bool {
        self.cancel(Place::Socket(path.to_owned())).await
    }

    async fn cancel(&self, place: Place) -> bool {
        let Some(agent) = self.forwards.lock().remove(&place) else { return false };
        matches!(timeout(ANSWER, place.cancel(&agent)).await, Ok(Ok(())))
    }

    async fn forward(&self, kind: &str, shown: &str, place: Place) -> Option<(Agent, Option<u32>)> {
        let target = format!("{} {shown}", self.target);
        let refused = {
            let forwards = self.forwards.lock();
            // That something listens there already, the agent would say too.
            let full = (forwards.len() >= MOST).then_some("too many forwards");
            full.or(forwards.contains_key(&place).then_some("it is forwarded already"))
        };
        if let Some(why) = refused {
            self.visit.denied(kind, &target, why);
            return None;
        }
        let made = async {
            let address = wait::silently(self).await.map_err(NoWay::NotThere)?;
            self.ask(address, &place).await
        };
        let why = match timeout(ANSWER, made).await {
            Ok(Ok(made)) => return Some(made),
            Ok(Err(why)) => why.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        self.visit.denied(kind, &target, &why);
        None
    }
}
