//! A stream whose writer never waits. The SSH library writes from the loop that also reads: two ends that both write
//! more than the network holds would wait for each other for good. What does not fit is kept here instead; it is at
//! most what the peer's windows allow, since nothing more is ever written.
//!
//! It reads ahead, too: the library asks for four bytes of each packet, then for the rest of it, which would be three
//! calls of the kernel for a packet, with the one that finds nothing more.

use std::{
    collections::VecDeque,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of a buffer that is empty again.
const KEPT: usize = 4 << 10;
/// Bytes that are read at once. They are read into the stack, so that a stream on which nothing comes holds nothing.
const AHEAD: usize = 64 << 10;

/// Reads and writes to `inner`; writing to it always succeeds at once.
#[derive(Debug)]
pub struct Unblocked<S> {
    inner: S,
    waiting: VecDeque<u8>,
    /// What was read, of which the first `taken` bytes are taken.
    ahead: Vec<u8>,
    taken: usize,
}

impl<S> Unblocked<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, waiting: VecDeque::new(), ahead: Vec::new(), taken: 0 }
    }

    /// Moves what was read ahead into `buffer`; whether there was any.
    fn take(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.ahead[self.taken..];
        let count = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..count]);
        self.taken += count;
        count > 0
    }
}

impl<S: AsyncWrite + Unpin> Unblocked<S> {
    /// Writes what waits. Ready once nothing does.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, front))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.drain(..written);
        }
        if self.waiting.capacity() > KEPT {
            self.waiting = VecDeque::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Unblocked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever reads is woken when there is room to write as well. An error comes up when reading, too.
        let _ = self.poll_waiting(context)?;
        if self.take(buffer) {
            return Poll::Ready(Ok(()));
        }
        let this = &mut *self;
        if buffer.remaining() >= AHEAD {
            return Pin::new(&mut this.inner).poll_read(context, buffer);
        }
        #[expect(
            clippy::large_stack_arrays,
            reason = "small beside a thread's stack, and touched only as far as read"
        )]
        let mut space = [MaybeUninit::uninit(); AHEAD];
        let mut space = ReadBuf::uninit(&mut space);
        this.taken = 0;
        this.ahead.clear();
        match Pin::new(&mut this.inner).poll_read(context, &mut space) {
            Poll::Ready(Ok(())) => {
                let read = space.filled();
                let (now, later) = read.split_at(read.len().min(buffer.remaining()));
                buffer.put_slice(now);
                this.ahead.extend_from_slice(later);
                Poll::Ready(Ok(()))
            }
            other => {
                this.ahead = Vec::new();
                other
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unblocked<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut rest = bytes;
        if self.poll_waiting(context)?.is_ready() {
            match Pin::new(&mut self.inner).poll_write(context, bytes)? {
                Poll::Ready(written) => rest = &bytes[written..],
                Poll::Pending => {}
            }
        }
        self.waiting.extend(rest);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = self.poll_waiting(context)?;
        let _ = Pin::new(&mut self.inner).poll_flush(context)?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn two_ends_that_write_before_they_read_do_not_wait_for_each_other() {
        let (one, other) = duplex(1000);
        let talk = |stream| async move {
            let mut stream = Unblocked::new(stream);
            stream.write_all(&vec![7; 100_000]).await.unwrap();
            stream.flush().await.unwrap();
            let mut bytes = vec![0; 100_000];
            stream.read_exact(&mut bytes).await.unwrap();
            assert!(bytes.iter().all(|byte| *byte == 7));
            // What still waits is written before the end.
            stream.shutdown().await.unwrap();
        };
        tokio::join!(talk(one), talk(other));
    }

    #[tokio::test]
    async fn what_is_read_ahead_comes_in_its_order_and_then_the_end() {
        let (mut one, other) = duplex(1 << 20);
        let sent: Vec<u8> = (0..500_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        one.write_all(&sent).await.unwrap();
        drop(one);
        let mut stream = Unblocked::new(other);
        let mut come = Vec::new();
        for length in [4, 1, 60, 40_000, 4, 70_000, 200_000].into_iter().cycle() {
            let mut buffer = vec![0; length];
            let count = stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                break;
            }
            come.extend_from_slice(&buffer[..count]);
        }
        assert!(come == sent);
    }

    #[tokio::test]
    async fn nothing_is_held_while_nothing_comes() {
        let (mut one, other) = duplex(1000);
        let mut stream = Unblocked::new(other);
        one.write_all(&[7; 500]).await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        assert_eq!(stream.ahead.len(), 496);
        stream.read_exact(&mut [0; 496]).await.unwrap();
        let mut more = [0; 4];
        assert!(polled_once(stream.read(&mut more)).await.is_pending());
        assert_eq!(stream.ahead.capacity(), 0);
    }

    async fn polled_once<T>(future: impl Future<Output = T>) -> Poll<T> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
    }

    #[tokio::test]
    async fn a_writer_hears_that_nobody_is_there() {
        let (one, other) = duplex(1000);
        drop(other);
        assert!(Unblocked::new(one).write_all(&[7; 100]).await.is_err());
    }
}
