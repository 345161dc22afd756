//! The SFTP subsystem, version 3 with OpenSSH's extensions, on a thread of its own: works in images without a shell.
//!
//! Requests are carried out in the order they came in. Answers are sent when no request waits or enough have come
//! together: a client that asks ahead, as all do, is answered in large pieces, without a wait for each.

mod attributes;
mod extensions;
mod files;
mod listing;
mod packet;

use std::{mem, sync::Arc};

use futures::FutureExt;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::{files::Files, packet::PACKET_MAX};
use super::lines::Line;
use crate::{account::Account, activity::Activity};

/// Bytes of answers that are sent at once.
const ENOUGH: usize = 64 << 10;

/// Serves SFTP on `channel` until either side ends it.
pub(super) async fn run(channel: Channel<Msg>, line: &Line, activity: Arc<Activity>) {
    let (read, write) = channel.split();
    let (runtime, closed) = (Handle::current(), line.end());
    let served = tokio::task::spawn_blocking(move || {
        let files = Files::new(Account::own().home);
        let mut server = Server { runtime, read, write, closed, activity, input: Vec::new(), done: 0 };
        server.serve(files);
        server.write
    });
    if let Ok(write) = served.await {
        // Some clients take a missing status for a failure.
        let _ = write.exit_status(0).await;
        let _ = write.eof().await;
        let _ = write.close().await;
    }
}

struct Server {
    runtime: Handle,
    read: ChannelReadHalf,
    write: ChannelWriteHalf<Msg>,
    closed: CancellationToken,
    activity: Arc<Activity>,
    /// What came, of which the first `done` bytes are dealt with.
    input: Vec<u8>,
    done: usize,
}

/// What the channel gave.
enum Came {
    Bytes,
    Nothing,
    End,
}

impl Server {
    fn serve(&mut self, mut files: Files) {
        let mut output = Vec::new();
        loop {
            while let Some(packet) = self.packet() {
                let Ok(packet) = packet else { return };
                // Between 4 bytes of length and the next packet.
                if files.answer(&self.input[packet.clone()], &mut output).is_err() {
                    return;
                }
                self.done = packet.end;
                if output.len() >= ENOUGH && self.send(&mut output).is_none() {
                    return;
                }
            }
            self.input.drain(..self.done);
            self.done = 0;
            match self.receive(false) {
                Came::Bytes => continue,
                Came::End => {
                    self.send(&mut output);
                    return;
                }
                Came::Nothing => {}
            }
            if self.send(&mut output).is_none() || !matches!(self.receive(true), Came::Bytes) {
                return;
            }
        }
    }

    /// Where the next whole packet is; an error if it is larger than any may be.
    fn packet(&self) -> Option<Result<std::ops::Range<usize>, packet::Malformed>> {
        let rest = &self.input[self.done..];
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        if length > PACKET_MAX || length == 0 {
            return Some(Err(packet::Malformed));
        }
        let begin = self.done + 4;
        (rest.len() >= 4 + length).then_some(Ok(begin..begin + length))
    }

    /// What has come, or, if `wait`, comes next.
    fn receive(&mut self, wait: bool) -> Came {
        loop {
            let message = if wait {
                self.runtime.block_on(self.read.wait())
            } else {
                match self.read.wait().now_or_never() {
                    Some(message) => message,
                    None => return Came::Nothing,
                }
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    self.activity.moved(data.len());
                    self.input.extend_from_slice(&data);
                    return Came::Bytes;
                }
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => return Came::End,
                Some(_) => {}
            }
        }
    }

    /// Sends `output`; nothing if nobody takes it.
    fn send(&mut self, output: &mut Vec<u8>) -> Option<()> {
        if output.is_empty() {
            return Some(());
        }
        let data = mem::take(output);
        self.activity.moved(data.len());
        let (write, closed) = (&self.write, &self.closed);
        self.runtime.block_on(async {
            tokio::select! {
                sent = write.data_bytes(data) => sent.ok(),
                () = closed.cancelled() => None,
            }
        })
    }
}
