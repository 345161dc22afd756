//! A channel and a socket, connected until both directions have ended.

use std::{os::fd::OwnedFd, sync::Arc};

use russh::{Channel, ChannelMsg, server::Msg};
use tokio_util::task::AbortOnDropHandle;

use super::super::{
    line::Line,
    pump::{End, Flow, Inlet, inward, outward},
};
use crate::activity::Activity;

/// Moves bytes between `channel` and `socket`.
pub(super) async fn relay(channel: Channel<Msg>, socket: OwnedFd, line: Arc<Line>, activity: Arc<Activity>) {
    let (mut read, write) = channel.split();
    let write = Arc::new(write);
    let Ok(socket) = End::new(socket).map(Arc::new) else {
        let _ = write.close().await;
        return;
    };
    let (mut inlet, queue) = Inlet::new(line.clone());
    let pump = inward(queue, socket.clone(), line.clone(), activity.clone());
    let mut input = AbortOnDropHandle::new(tokio::spawn(pump));
    let pump = outward(socket.clone(), write.clone(), None, line, activity, Arc::new(Flow::default()));
    let mut output = AbortOnDropHandle::new(tokio::spawn(pump));
    let (mut input_ended, mut output_ended) = (false, false);
    while !(input_ended && output_ended) {
        tokio::select! {
            message = read.wait() => match message {
                Some(ChannelMsg::Data { data }) => inlet.put(data),
                Some(ChannelMsg::Eof) => inlet.finish(),
                Some(ChannelMsg::Close) | None => return,
                Some(_) => {}
            },
            whole = &mut input, if !input_ended => {
                input_ended = true;
                if matches!(whole, Ok(true)) {
                    socket.finish();
                }
            }
            _ = &mut output, if !output_ended => {
                output_ended = true;
                let _ = write.eof().await;
            }
        }
    }
    let _ = write.close().await;
}
