//! What the client writes, on its way into devctl. devctl does not read what is meant for a dev server, so when it asks
//! for one, all that it was given comes back out: `tar c . | ssh alice@host devctl exec mydev -- tar x` loses no byte.

use bytes::{Bytes, BytesMut};
use russh::ChannelMsg;
use rustix::io::read;

use super::terminal::{End, Pipe};
use crate::{relay::Flow, session::Incoming};

/// Bytes taken back at once.
const BUFFER: usize = 16 << 10;
/// Ends what is typed.
const END: &[u8] = &[4];

/// The way into devctl.
#[derive(Debug)]
pub(super) struct Input {
    /// Its standard input, until the client has ended it; a terminal has none of its own.
    pipe: Option<Pipe>,
    ended: bool,
    /// What was taken from the client and not yet written.
    rest: Bytes,
}

impl Input {
    pub(super) fn new(pipe: Option<Pipe>) -> Self {
        Self { pipe, ended: false, rest: Bytes::new() }
    }

    /// What comes goes to devctl, to its standard input or to `terminal`, until the client closes. What is under way
    /// stays here where this is not waited for.
    pub(super) async fn feed(&mut self, incoming: &mut Incoming, terminal: &End, flow: &Flow) {
        loop {
            let end = self.pipe.as_ref().map_or(terminal, |pipe| &pipe.end);
            // Where it is closed, what comes is dropped.
            if end.write(&mut self.rest).await.is_err() {
                self.rest.clear();
            }
            match incoming.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    flow.add_up(data.len());
                    self.rest = data;
                }
                Some(ChannelMsg::Eof) => self.end(),
                Some(ChannelMsg::Close) | None => return,
                Some(_) => {}
            }
        }
    }

    /// devctl is told that nothing more comes.
    pub(super) fn end(&mut self) {
        self.ended = true;
        match &mut self.pipe {
            Some(pipe) => pipe.end.close(),
            // A terminal has no end of its own: what was typed has one, as Ctrl-D.
            None => self.rest = Bytes::from_static(END),
        }
    }

    /// Everything that devctl did not read goes back to where it came from, with the end, if that has come.
    pub(super) async fn take_back(&mut self, incoming: &mut Incoming, terminal: &End) {
        let ended = std::mem::take(&mut self.ended);
        let mut bytes = BytesMut::new();
        let mut rest = std::mem::take(&mut self.rest);
        if let Some(pipe) = &self.pipe {
            let mut buffer = [0; BUFFER];
            while let Ok(length @ 1..) = read(&pipe.back, &mut buffer) {
                bytes.extend_from_slice(&buffer[..length]);
            }
        } else {
            // Where that fails, what was typed ahead is lost, and nothing else.
            bytes.extend_from_slice(&terminal.typed().await.unwrap_or_default());
            // The end that was typed, or was about to be; a terminal that waits for whole lines keeps it as a zero.
            if ended && rest.is_empty() && matches!(bytes.last(), Some(0 | 4)) {
                bytes.truncate(bytes.len() - 1);
            } else if ended {
                rest.clear();
            }
        }
        bytes.extend_from_slice(&rest);
        if ended {
            incoming.put_back(ChannelMsg::Eof);
        }
        if !bytes.is_empty() {
            incoming.put_back(ChannelMsg::Data { data: bytes.freeze() });
        }
    }
}
