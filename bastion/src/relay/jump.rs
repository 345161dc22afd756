//! `ssh -J`: bytes to the SSH server of a dev server and back. What is in them is between the client and the agent, which
//! checks the user's own key.

use std::sync::Arc;

use bytes::BytesMut;
use russh::{
    Channel, ChannelMsg, ChannelOpenFailure, ChannelWriteHalf,
    server::{ChannelOpenHandle, Msg},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{Relay, dial::reach, pump::Flow, wait};
use crate::session::{Exit, Incoming};

/// Bytes read at once. Only taken while there is something to read.
const BUFFER: usize = 64 << 10;

/// Joins `channel` with the SSH server of the relay's dev server.
pub(crate) async fn jump(relay: Arc<Relay>, channel: Channel<Msg>, reply: ChannelOpenHandle) {
    let mut front = relay.visit.front(channel);
    let target = relay.target.to_string();
    let connected = async {
        let address = wait::silently(&relay).await.map_err(|none| none.why)?;
        reach(address).await.map_err(|error| format!("nothing answers at {address}: {error}"))
    };
    let connected = tokio::select! {
        connected = connected => connected,
        () = front.closed.cancelled() => return,
    };
    let stream = match connected {
        Ok(stream) => stream,
        Err(why) => {
            relay.visit.denied("jump", &target, &why);
            // The client shows this text to the person.
            let reason = ChannelOpenFailure::Other { code: 2, reason: format!("devplat: {why}") };
            return reply.reject(reason).await;
        }
    };
    reply.accept().await;
    let log = relay.visit.channel(front.write.id(), "jump", &target);
    let _ = stream.set_nodelay(true);
    let why = pipe(&mut front.read, &front.write, stream, &log.flow, &front.closed).await;
    log.end(None, why);
    front.finish(Exit::Unknown).await;
}

async fn pipe(
    read: &mut Incoming,
    write: &ChannelWriteHalf<Msg>,
    stream: TcpStream,
    flow: &Flow,
    closed: &tokio_util::sync::CancellationToken,
) -> &'static str {
    let (from_server, to_server) = stream.into_split();
    tokio::select! {
        () = up(read, to_server, flow) => "client gone",
        () = down(from_server, write, flow) => "closed",
        () = closed.cancelled() => "client gone",
    }
}

async fn up(read: &mut Incoming, mut server: OwnedWriteHalf, flow: &Flow) {
    while let Some(message) = read.wait().await {
        match message {
            // Where the server takes nothing more, what the client still sends is dropped.
            ChannelMsg::Data { data } => {
                flow.add_up(data.len());
                let _ = server.write_all(&data).await;
            }
            ChannelMsg::Eof => drop(server.shutdown().await),
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

async fn down(mut server: OwnedReadHalf, write: &ChannelWriteHalf<Msg>, flow: &Flow) {
    loop {
        // Without a buffer while nothing comes: an idle jump costs nothing.
        if server.readable().await.is_err() {
            return;
        }
        let mut buffer = BytesMut::with_capacity(BUFFER);
        match server.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                flow.add_down(length);
                if write.data_bytes(buffer.freeze()).await.is_err() {
                    return;
                }
            }
        }
    }
}
