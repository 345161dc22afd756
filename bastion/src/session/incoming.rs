//! What comes from a client on a channel, with a place for what was taken too early: bytes for a dev server that came
//! while devctl was still being asked which one.

use std::collections::VecDeque;

use russh::{ChannelMsg, ChannelReadHalf};

/// The client's messages, in their order.
#[derive(Debug)]
pub(crate) struct Incoming {
    early: VecDeque<ChannelMsg>,
    half: ChannelReadHalf,
    ended: bool,
}

impl Incoming {
    /// The next one; `None` when the channel is gone. Nothing is lost where this is not waited for.
    pub(crate) async fn wait(&mut self) -> Option<ChannelMsg> {
        let message = match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.half.wait().await,
        };
        self.ended |= matches!(message, Some(ChannelMsg::Eof));
        message
    }

    /// Whether the client has said that it writes no more, whoever heard it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Puts back what was taken; it comes next.
    pub(crate) fn put_back(&mut self, message: ChannelMsg) {
        self.early.push_front(message);
    }
}

impl From<ChannelReadHalf> for Incoming {
    fn from(half: ChannelReadHalf) -> Self {
        Self { early: VecDeque::new(), half, ended: false }
    }
}
