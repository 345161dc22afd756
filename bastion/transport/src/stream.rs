//! A stream whose writer never waits. The SSH library writes from the loop that also reads: two ends that both write
//! more than the network holds would wait for each other for good. What does not fit is kept here instead; it is at
//! most what the peer's windows allow, since nothing more is ever written.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of a buffer that is empty again.
const KEPT: usize = 4 << 10;

/// Reads and writes to `inner`; writing to it always succeeds at once.
#[derive(Debug)]
pub struct Unblocked<S> {
    inner: S,
    waiting: VecDeque<u8>,
}

impl<S> Unblocked<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner, waiting: VecDeque::new() }
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
        Pin::new(&mut self.inner).poll_read(context, buffer)
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
    async fn a_writer_hears_that_nobody_is_there() {
        let (one, other) = duplex(1000);
        drop(other);
        assert!(Unblocked::new(one).write_all(&[7; 100]).await.is_err());
    }
}
