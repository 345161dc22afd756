//! Moving bytes between a channel and a file descriptor, each direction by itself. Knows nothing of what is at the
//! ends: a pipe, a terminal or a socket.

use std::{
    io, mem,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use russh::{ChannelWriteHalf, server::Msg};
use rustix::{
    buffer::spare_capacity,
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
    net::Shutdown,
};
use tokio::{
    io::unix::AsyncFd,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_util::bytes::Bytes;

use super::line::Line;
use crate::activity::Activity;

/// Bytes read at once. A pipe holds as many.
const READ: usize = 64 << 10;
/// Reads up to this size are copied, so that what waits in a queue is no larger than its bytes.
const SMALL: usize = READ / 4;

/// A file descriptor that waits without a thread.
pub(super) struct End(AsyncFd<OwnedFd>);

/// What an outward pump is doing, for those who have to know when it is done.
#[derive(Default)]
pub(super) struct Flow {
    /// Bytes so far.
    pub(super) moved: AtomicU64,
    /// Whether some were read that have not been sent.
    pub(super) sending: AtomicBool,
}

impl End {
    /// Makes `fd` one that does not block. Only for descriptors whose other holders expect that.
    pub(super) fn new(fd: impl Into<OwnedFd>) -> io::Result<Self> {
        let fd = fd.into();
        fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
        #[expect(
            deprecated,
            reason = "unsound for types that change their descriptor, which `OwnedFd` does not"
        )]
        let waited_for = AsyncFd::new(fd)?;
        Ok(Self(waited_for))
    }

    /// Says to a socket's peer that nothing more comes.
    pub(super) fn finish(&self) {
        let _ = rustix::net::shutdown(self.0.get_ref(), Shutdown::Write);
    }

    /// The descriptor.
    pub(super) fn fd(&self) -> impl AsFd + '_ {
        self.0.get_ref().as_fd()
    }

    async fn write_all(&self, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        while !rest.is_empty() {
            match rustix::io::write(self.0.get_ref(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::AGAIN) => {
                    let mut ready = self.0.writable().await?;
                    match rustix::io::write(self.0.get_ref(), rest) {
                        Ok(written) => rest = &rest[written..],
                        Err(Errno::AGAIN) => ready.clear_ready(),
                        Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// All that comes until the other end closes, as far as it is at most `limit` bytes.
    pub(super) async fn read_to_end(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        while all.len() < limit {
            let mut ready = self.0.readable().await?;
            all.reserve(4096);
            match rustix::io::read(self.0.get_ref(), spare_capacity(&mut all)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(all)
    }
}

/// The way into a pump: what is put here is written by [`inward`]. Bytes for a pump that has ended are gone.
pub(super) struct Inlet {
    queue: Option<UnboundedSender<Bytes>>,
    line: Arc<Line>,
}

impl Inlet {
    /// One, and what [`inward`] is to read from.
    pub(super) fn new(line: Arc<Line>) -> (Self, UnboundedReceiver<Bytes>) {
        let (queue, from) = unbounded_channel();
        (Self { queue: Some(queue), line }, from)
    }

    /// Takes `data`, at once.
    pub(super) fn put(&self, data: Bytes) {
        let count = data.len();
        if self.queue.as_ref().is_none_or(|queue| queue.send(data).is_err()) {
            self.line.took(count);
        }
    }

    /// Nothing more comes.
    pub(super) fn finish(&mut self) {
        self.queue = None;
    }
}

/// From the channel to `to`, until `queue` ends or nobody takes any more; returns whether it was the first.
pub(super) async fn inward(
    mut queue: UnboundedReceiver<Bytes>,
    to: Arc<End>,
    line: Arc<Line>,
    activity: Arc<Activity>,
) -> bool {
    while let Some(data) = queue.recv().await {
        activity.moved(data.len());
        let written = to.write_all(&data).await;
        line.took(data.len());
        if written.is_err() {
            queue.close();
            while let Ok(data) = queue.try_recv() {
                line.took(data.len());
            }
            return false;
        }
    }
    true
}

/// From `from` to the channel, as stream `ext` of it, until there is no more or nobody to take it.
pub(super) async fn outward(
    from: Arc<End>,
    to: Arc<ChannelWriteHalf<Msg>>,
    ext: Option<u32>,
    line: Arc<Line>,
    activity: Arc<Activity>,
    flow: Arc<Flow>,
) {
    loop {
        // Nothing is held while nothing comes: most sessions are idle most of the time.
        let Ok(mut ready) = from.0.readable().await else { return };
        let mut buffer = Vec::with_capacity(READ);
        loop {
            buffer.clear();
            match rustix::io::read(from.0.get_ref(), spare_capacity(&mut buffer)) {
                Ok(0) => return,
                Ok(count) => {
                    flow.sending.store(true, Ordering::Release);
                    activity.moved(count);
                    let data = if count <= SMALL {
                        Bytes::copy_from_slice(&buffer)
                    } else {
                        Bytes::from(mem::replace(&mut buffer, Vec::with_capacity(READ)))
                    };
                    let sent = async {
                        match ext {
                            None => to.data_bytes(data).await,
                            Some(ext) => to.extended_data_bytes(ext, data).await,
                        }
                    };
                    tokio::select! {
                        sent = sent => if sent.is_err() { return },
                        // A window that nobody opens any more would be waited for for ever.
                        () = line.closed() => return,
                    }
                    flow.moved.fetch_add(count as u64, Ordering::AcqRel);
                    flow.sending.store(false, Ordering::Release);
                }
                Err(Errno::AGAIN) => {
                    ready.clear_ready();
                    break;
                }
                Err(Errno::INTR) => {}
                // EIO: the last program has left the terminal.
                Err(_) => return,
            }
        }
    }
}
