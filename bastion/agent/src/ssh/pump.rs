//! Moving bytes between a channel and a file descriptor, each direction by itself. Knows nothing of what is at the
//! ends: a pipe, a terminal or a socket. What comes from a channel is taken only as fast as it is written: the rest waits
//! at the client, once it fills the channel's window.

use std::{
    io, mem,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use rustix::{
    buffer::spare_capacity,
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
    net::Shutdown,
};
use tokio::io::unix::AsyncFd;
use tokio_util::{bytes::Bytes, sync::CancellationToken};

use crate::activity::Activity;

/// Bytes read at once, and bytes that a pipe holds where the kernel allows it: several packets then go out together, and
/// everybody on their way is woken once for all of them.
const READ: usize = 256 << 10;
/// Reads up to this size are copied, so that what waits in a queue is no larger than its bytes.
const SMALL: usize = 16 << 10;

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

    /// Has a pipe hold more; one that may not is as it was.
    pub(super) fn widen(&self) {
        let _ = rustix::pipe::fcntl_setpipe_size(self.0.get_ref(), READ);
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

/// How input ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The client has nothing more to say.
    Finished,
    /// What it was for takes no more; the rest is dropped by the library.
    Refused,
    /// The channel is closed.
    Closed,
}

/// From the channel to `to`, until there is no more or nobody takes it.
pub(super) async fn inward(mut from: ChannelReadHalf, to: Arc<End>, activity: Arc<Activity>) -> Input {
    loop {
        match from.wait().await {
            Some(ChannelMsg::Data { data }) => {
                activity.moved(data.len());
                if to.write_all(&data).await.is_err() {
                    return Input::Refused;
                }
            }
            Some(ChannelMsg::Eof) => return Input::Finished,
            Some(ChannelMsg::Close) | None => return Input::Closed,
            Some(_) => {}
        }
    }
}

/// From `from` to the channel, as stream `ext` of it, until there is no more or nobody to take it.
pub(super) async fn outward(
    from: Arc<End>,
    to: Arc<ChannelWriteHalf<Msg>>,
    ext: Option<u32>,
    closed: CancellationToken,
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
                        () = closed.cancelled() => return,
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
