//! A channel and a socket, connected until both directions have ended.

use std::{os::fd::OwnedFd, sync::Arc};

use russh::{Channel, server::Msg};
use tokio_util::task::AbortOnDropHandle;

use super::super::{
    lines::Line,
    pump::{End, Flow, Input, inward, outward},
};
use crate::activity::Activity;

/// Moves bytes between `channel` and `socket`.
pub(super) async fn relay(channel: Channel<Msg>, socket: OwnedFd, line: &Line, activity: Arc<Activity>) {
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let Ok(socket) = End::new(socket).map(Arc::new) else {
        let _ = write.close().await;
        return;
    };
    let mut input = AbortOnDropHandle::new(tokio::spawn(inward(read, socket.clone(), activity.clone())));
    let flow = Arc::new(Flow::default());
    let pump = outward(socket.clone(), write.clone(), None, line.end(), activity, flow);
    let mut output = AbortOnDropHandle::new(tokio::spawn(pump));
    let (mut input_ended, mut output_ended) = (false, false);
    while !(input_ended && output_ended) {
        tokio::select! {
            ended = &mut input, if !input_ended => {
                input_ended = true;
                match ended {
                    Ok(Input::Finished) => socket.finish(),
                    Ok(Input::Closed) => return,
                    Ok(Input::Refused) | Err(_) => {}
                }
            }
            _ = &mut output, if !output_ended => {
                output_ended = true;
                let _ = write.eof().await;
            }
            () = line.closed() => return,
        }
    }
    let _ = write.close().await;
}
