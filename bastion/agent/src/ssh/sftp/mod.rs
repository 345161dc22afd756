//! The SFTP subsystem, version 3 with OpenSSH's extensions, in this process: works in images without a shell.
//!
//! Requests are carried out in the order they came in. Answers are sent when no request waits or enough have come
//! together: a client that asks ahead, as all do with large files, is answered in large pieces, without a wait for each.
//! With small files no client does, and what counts is how soon each answer is there; see [`work`].

mod answer;
mod attributes;
mod extensions;
mod files;
mod listing;
mod mounts;
mod packet;
mod work;

use std::{mem, sync::Arc};

use futures::FutureExt;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::task::spawn_blocking;

use self::{
    files::Files,
    packet::Malformed,
    work::{Next, Work},
};
use super::lines::Line;
use crate::{account::Account, activity::Activity};

/// Serves SFTP on `channel` until either side ends it.
pub(super) async fn run(channel: Channel<Msg>, line: &Line, activity: Arc<Activity>) {
    let (read, write) = channel.split();
    let mut server = Server { read, write: &write, line, activity, at_once: mounts::are_local() };
    // Nothing is left to be said to whoever sent what is no packet, or went.
    let _ = server.serve(Work::new(Files::new(Account::own().home))).await;
    // Some clients take a missing status for a failure.
    let _ = write.exit_status(0).await;
    let _ = write.eof().await;
    let _ = write.close().await;
}

struct Server<'a> {
    read: ChannelReadHalf,
    write: &'a ChannelWriteHalf<Msg>,
    line: &'a Line,
    activity: Arc<Activity>,
    /// Whether no request can wait for another machine.
    at_once: bool,
}

/// What the channel gave.
enum Came {
    Bytes,
    Nothing,
    End,
}

impl Server<'_> {
    /// Returns once nobody is there any more.
    async fn serve(&mut self, mut work: Work) -> Result<(), Malformed> {
        loop {
            while let Some(next) = work.next()? {
                if self.at_once && next == Next::Small {
                    work.carry_out()?;
                } else {
                    let carrying_out = spawn_blocking(move || {
                        work.carry_out()?;
                        Ok(work)
                    });
                    work = carrying_out.await.map_err(|_| Malformed)??;
                }
                if work.is_enough() && self.send(&mut work.output).await.is_none() {
                    return Ok(());
                }
            }
            match self.receive_now(&mut work) {
                Came::Bytes => continue,
                Came::End => {
                    self.send(&mut work.output).await;
                    return Ok(());
                }
                Came::Nothing => {}
            }
            if self.send(&mut work.output).await.is_none() {
                return Ok(());
            }
            let message = self.read.wait().await;
            if matches!(self.take(message, &mut work), Came::End) {
                return Ok(());
            }
        }
    }

    /// What has come.
    fn receive_now(&mut self, work: &mut Work) -> Came {
        match self.read.wait().now_or_never() {
            Some(message) => self.take(message, work),
            None => Came::Nothing,
        }
    }

    fn take(&self, message: Option<ChannelMsg>, work: &mut Work) -> Came {
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.activity.moved(data.len());
                work.add(&data);
                Came::Bytes
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => Came::End,
            // Not a packet, but another message may wait behind it.
            Some(_) => Came::Bytes,
        }
    }

    /// Sends `output`; nothing if nobody takes it.
    async fn send(&self, output: &mut Vec<u8>) -> Option<()> {
        if output.is_empty() {
            return Some(());
        }
        let data = mem::take(output);
        self.activity.moved(data.len());
        tokio::select! {
            sent = self.write.data_bytes(data) => sent.ok(),
            () = self.line.closed() => None,
        }
    }
}
