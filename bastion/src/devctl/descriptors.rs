//! Descriptors over a socket.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use tokio::{io::Interest, net::UnixStream};

/// Most that are ever sent at once.
const MOST: usize = 4;

/// Sends `descriptors` with one byte.
pub(super) async fn send(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    stream
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
            let mut buffer = SendAncillaryBuffer::new(&mut space);
            if !buffer.push(SendAncillaryMessage::ScmRights(descriptors)) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many descriptors"));
            }
            sendmsg(stream.as_fd(), &[IoSlice::new(&[0])], &mut buffer, SendFlags::NOSIGNAL)?;
            Ok(())
        })
        .await
}

/// Receives exactly `count` of them; they are closed when a program is started.
pub(super) async fn receive(stream: &UnixStream, count: usize) -> io::Result<Vec<OwnedFd>> {
    let received = stream
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
            let mut buffer = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            recvmsg(stream.as_fd(), &mut [IoSliceMut::new(&mut byte)], &mut buffer, RecvFlags::CMSG_CLOEXEC)?;
            let mut received = Vec::new();
            for message in buffer.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    received.extend(descriptors);
                }
            }
            Ok(received)
        })
        .await?;
    if received.len() == count {
        Ok(received)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "another number of descriptors than announced"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_can_be_used_at_the_other_end() {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        send(&one, &[writer.as_fd()]).await.unwrap();
        drop(writer);
        let mut received = receive(&other, 1).await.unwrap();
        let mut file = std::fs::File::from(received.remove(0));
        file.write_all(b"hello").unwrap();
        drop(file);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
    }

    #[tokio::test]
    async fn another_number_than_announced_is_refused() {
        let (one, other) = UnixStream::pair().unwrap();
        send(&one, &[one.as_fd()]).await.unwrap();
        assert!(receive(&other, 2).await.is_err());
    }
}
