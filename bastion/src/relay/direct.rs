//! Connections that a client makes through a dev server, to a port or a socket there.

use std::sync::Arc;

use russh::{
    Channel, ChannelOpenFailure,
    server::{ChannelOpenHandle, Msg},
};

use super::{
    NoWay, Relay,
    pump::{Ended, pump},
    wait,
    wish::Open,
};
use crate::session::Exit;

/// To `host` and `port` as the dev server sees them.
pub(crate) async fn tcpip(
    relay: Arc<Relay>,
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
    (host, port): (String, u32),
    (from, from_port): (String, u32),
) {
    let to = format!("{host}:{port}");
    let wish = Open::Tcp { host, port, from, from_port };
    join(&relay, channel, reply, "direct-tcpip", &to, &wish).await;
}

/// To the socket `path` of the dev server.
pub(crate) async fn unix(relay: Arc<Relay>, channel: Channel<Msg>, reply: ChannelOpenHandle, path: String) {
    let wish = Open::Unix(path.clone());
    join(&relay, channel, reply, "direct-streamlocal", &path, &wish).await;
}

async fn join(
    relay: &Relay,
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
    kind: &'static str,
    to: &str,
    wish: &Open,
) {
    let target = format!("{} {to}", relay.target);
    let mut front = relay.visit.front(channel);
    let connected = async {
        let address = wait::silently(relay).await.map_err(NoWay::NotThere)?;
        Ok((address, relay.ask(address, wish).await?))
    };
    let connected: Result<_, NoWay> = tokio::select! {
        connected = connected => connected,
        () = front.closed.cancelled() => return,
    };
    match connected {
        Ok((address, (agent, end))) => {
            reply.accept().await;
            let log = relay.visit.channel(front.write.id(), kind, &target);
            let ended = pump(&mut front, end, &log.flow).await;
            log.end(None, ended.why());
            if matches!(ended, Ended::Closed(_)) {
                relay.keep(address, agent);
            }
            front.finish(Exit::Unknown).await;
        }
        Err(why) => {
            relay.visit.denied(kind, &target, &why.to_string());
            let reason = match why {
                NoWay::Channel(_, russh::Error::ChannelOpenFailure(reason)) => reason,
                // The client shows this text to the person.
                NoWay::NotThere(_) | NoWay::Dial(..) | NoWay::Channel(..) => {
                    ChannelOpenFailure::Other { code: 2, reason: format!("devplat: {why}") }
                }
            };
            reply.reject(reason).await;
        }
    }
}
