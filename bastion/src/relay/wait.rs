//! Until a dev server is there: in a terminal with a word on what it waits for, elsewhere for a moment and silently.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use devplat_api::BastionHost;
use russh::ChannelMsg;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{Kept, NoServer, Relay, Target};
use crate::{
    policy::{Reach, reach, unknown},
    session::{Control, Front, Setup},
};

/// With nobody to read: VS Code gives up after 15 s, and has to hear why.
const SILENT: Duration = Duration::from_secs(10);
/// With somebody who reads, and who can end it.
const WATCHED: Duration = Duration::from_mins(15);
/// Between two tries whether somebody answers already.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a try may take: what is sent to a pod whose network is still being made gets lost.
const TRY: Duration = Duration::from_millis(500);
/// What a terminal sends for Ctrl-C and Ctrl-D.
const LEAVE: [u8; 2] = [3, 4];

impl Relay {
    /// Begins to connect, where that is possible at once: the client needs a moment to ask for its first channel.
    pub(crate) fn warm_up(self: &Arc<Self>) {
        let Some(address) = address(self) else { return };
        let (relay, mut warm) = (
            self.clone(),
            match self.warm.try_lock() {
                Ok(warm) => warm,
                Err(_) => return,
            },
        );
        *warm =
            Some(tokio::spawn(
                async move { relay.dial(address).await.ok().map(|agent| Kept { address, agent }) },
            ));
    }
}

/// Where the server is, if it is ready right now.
fn address(relay: &Relay) -> Option<SocketAddr> {
    match now(relay) {
        Reach::Ready(address) => Some(address),
        Reach::Wait { why: _, knock: _ } | Reach::Never(_) | Reach::Absent(_) => None,
    }
}

/// Where the server is, as soon as it is ready within a moment; otherwise why not.
pub(super) async fn silently(relay: &Relay) -> Result<SocketAddr, NoServer> {
    match timeout(SILENT, ready(relay, |_| {})).await {
        Ok(outcome) => outcome,
        Err(_) => Err(too_long(relay)),
    }
}

/// Where the server is, with words to the person in front of the terminal on what it waits for.
pub(super) async fn watched(
    relay: &Relay,
    front: &mut Front,
    setup: &mut Setup,
) -> Result<SocketAddr, NoServer> {
    let left = || NoServer::not_ready("left");
    if let Reach::Ready(address) = now(relay) {
        return Ok(address);
    }
    let (sender, mut words) = tokio::sync::mpsc::unbounded_channel();
    let ready = timeout(WATCHED, ready(relay, move |why| drop(sender.send(why))));
    tokio::pin!(ready);
    loop {
        tokio::select! {
            outcome = &mut ready => return outcome.unwrap_or_else(|_| Err(too_long(relay))),
            Some(why) = words.recv() => {
                front.say(&format!("waiting for {:?} (Ctrl-C to leave): {why}", relay.target.server), true).await;
            }
            message = front.read.wait() => match message {
                Some(ChannelMsg::Data { data }) if !data.iter().any(|byte| LEAVE.contains(byte)) => {}
                Some(ChannelMsg::Data { .. } | ChannelMsg::Close) | None => return Err(left()),
                Some(_) => {}
            },
            Some(control) = front.controls.recv() => {
                if let (Control::Window(size), Some(terminal)) = (control, &mut setup.terminal) {
                    terminal.size = size;
                }
            }
            () = front.closed.cancelled() => return Err(left()),
        }
    }
}

/// What became of the server at `lost`, if that is known within a moment.
pub(super) async fn what_happened(relay: &Relay, lost: SocketAddr) -> String {
    timeout(Duration::from_secs(2), news(relay, lost))
        .await
        .unwrap_or_else(|_| "its container ended, or its node cannot be reached".to_owned())
}

/// How long the news of a pod on its way out may take. On a busy machine, a third of a second is not enough.
const GOING: Duration = Duration::from_secs(1);

/// What became of the server at `left`, if it is known now or at once that it is there no more: a pod on its way out
/// ends what runs in it about when that is told.
pub(super) async fn is_gone(relay: &Relay, left: SocketAddr) -> Option<String> {
    timeout(GOING, news(relay, left)).await.ok()
}

/// Returns once it is known that the server is not at `lost` any more.
async fn news(relay: &Relay, lost: SocketAddr) -> String {
    let mut changes = relay.visit.door().directory.watch_servers();
    loop {
        match now(relay) {
            Reach::Ready(address) if address == lost => {}
            Reach::Ready(_) => return "it was restarted in another pod".to_owned(),
            Reach::Wait { why, knock: _ } | Reach::Never(why) | Reach::Absent(why) => return why,
        }
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Goes on until the server is ready or will not be. Gives each new reason to `tell`.
async fn ready(relay: &Relay, tell: impl Fn(String)) -> Result<SocketAddr, NoServer> {
    let mut changes = relay.visit.door().directory.watch_servers();
    let mut told = String::new();
    loop {
        changes.mark_unchanged();
        let knock = match now(relay) {
            Reach::Ready(address) => return Ok(address),
            Reach::Never(why) => return Err(NoServer::not_ready(why)),
            Reach::Absent(why) => return Err(NoServer::absent(why)),
            Reach::Wait { why, knock } => {
                if why != told {
                    told.clone_from(&why);
                    tell(why);
                }
                knock
            }
        };
        tokio::select! {
            heard = changes.changed() => if heard.is_err() {
                return Err(NoServer::not_ready("the bastion ends"));
            },
            address = answers(knock) => return Ok(address),
        }
    }
}

/// Returns once somebody answers at `address`. Who that is gets checked by whoever goes there.
///
/// A pod is said to be ready when the kubelet next looks at its containers, has asked the agent, and the operator has
/// heard of it. That is a second or more after SSH answers.
async fn answers(address: Option<SocketAddr>) -> SocketAddr {
    let Some(address) = address else { return std::future::pending().await };
    loop {
        if let Ok(Ok(_)) = timeout(TRY, TcpStream::connect(address)).await {
            return address;
        }
        sleep(PAUSE).await;
    }
}

fn now(relay: &Relay) -> Reach {
    let directory: &Arc<_> = &relay.visit.door().directory;
    let target = &relay.target;
    match directory.server(&target.namespace, &target.server) {
        Some(server) => reach(&target.server, &server),
        None => Reach::Absent(unknown(&target.server, &directory.names(&target.namespace))),
    }
}

fn too_long(relay: &Relay) -> NoServer {
    let Target { user, namespace: _, server: name } = &relay.target;
    match now(relay) {
        Reach::Wait { why, knock: _ } | Reach::Never(why) => {
            let host = relay.visit.door().devctl.as_ref().and_then(|devctl| devctl.host.as_deref());
            let details = details(host, user, name);
            NoServer::not_ready(format!("{name:?} is not ready yet: {why}; {details} has details"))
        }
        Reach::Absent(why) => NoServer::absent(why),
        Reach::Ready(_) => NoServer::not_ready(format!("{name:?} was not ready in time; try again")),
    }
}

/// Returns the command line that describes a dev server. If the bastion does not know the `host` by which users reach it,
/// only the user knows the arguments of `ssh`.
fn details(host: Option<&str>, user: &str, name: &str) -> String {
    match host.and_then(|host| host.parse::<BastionHost>().ok()) {
        Some(host) => format!("\"{} describe {name}\"", host.ssh(user)),
        None => format!("the command \"describe {name}\" as {user}, without +{name},"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_for_details_has_the_known_host_and_port() {
        let known = details(Some("dev.example.com:2222"), "alice", "mydev");
        assert_eq!(known, "\"ssh -p 2222 alice@dev.example.com describe mydev\"");
        let unknown = details(None, "alice", "mydev");
        assert_eq!(unknown, "the command \"describe mydev\" as alice, without +mydev,");
    }
}
