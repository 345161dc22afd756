//! What devctl's input and output are: a terminal made for it, or pipes. Reads and writes wait without blocking.

use std::{
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use bytes::{Buf, Bytes, BytesMut};
use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open},
    io::read,
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{InputModes, LocalModes, OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize},
};
use tokio::{
    net::unix::pipe::{Receiver, Sender},
    time::{Duration, sleep},
};

use crate::session::Size;

/// Bytes read at once.
const BUFFER: usize = 16 << 10;
/// Longer than the kernel takes to hand on what was written to a terminal.
const HANDED_ON: Duration = Duration::from_millis(5);

/// The bastion's end of something that devctl reads or writes. A terminal is both at once; to the runtime it is two
/// pipes, which is all that reading and writing takes.
#[derive(Debug)]
pub(super) struct End {
    reader: Option<Receiver>,
    writer: Option<Sender>,
}

/// Both ends of a terminal: the bastion's, and devctl's.
pub(super) fn terminal(size: Size) -> io::Result<(End, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    let mut modes = tcgetattr(&slave)?;
    modes.input_modes |= InputModes::IUTF8;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    resize(&master, size)?;
    Ok((End { reader: Some(reader(master.try_clone()?)?), writer: Some(writer(master)?) }, slave))
}

/// A pipe that the bastion writes to, and can read again what nobody has read.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) end: End,
    /// Reads without waiting. An opening of its own, since devctl's is to wait.
    pub(super) back: OwnedFd,
}

/// A pipe that the bastion writes to.
pub(super) fn to_devctl() -> io::Result<(Pipe, OwnedFd)> {
    let (theirs, ours) = io::pipe()?;
    let back = open(
        format!("/proc/self/fd/{}", theirs.as_raw_fd()),
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let end = End { reader: None, writer: Some(writer(ours.into())?) };
    Ok((Pipe { end, back }, theirs.into()))
}

/// A pipe that the bastion reads from.
pub(super) fn from_devctl() -> io::Result<(End, OwnedFd)> {
    let (ours, theirs) = io::pipe()?;
    Ok((End { reader: Some(reader(ours.into())?), writer: None }, theirs.into()))
}

fn resize(descriptor: impl AsFd, size: Size) -> io::Result<()> {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let size = Winsize {
        ws_col: short(size.columns),
        ws_row: short(size.rows),
        ws_xpixel: short(size.width),
        ws_ypixel: short(size.height),
    };
    Ok(tcsetwinsize(descriptor, size)?)
}

fn reader(descriptor: OwnedFd) -> io::Result<Receiver> {
    Receiver::from_file_unchecked(without_blocking(descriptor)?)
}

fn writer(descriptor: OwnedFd) -> io::Result<Sender> {
    Sender::from_file_unchecked(without_blocking(descriptor)?)
}

fn without_blocking(descriptor: OwnedFd) -> io::Result<File> {
    fcntl_setfl(&descriptor, fcntl_getfl(&descriptor)? | OFlags::NONBLOCK)?;
    Ok(descriptor.into())
}

impl End {
    /// What comes next; `None` at the end.
    pub(super) async fn read(&self) -> Option<Bytes> {
        let reader = self.reader.as_ref()?;
        loop {
            reader.readable().await.ok()?;
            let mut buffer = BytesMut::zeroed(BUFFER);
            match reader.try_read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => {
                    buffer.truncate(length);
                    return Some(buffer.freeze());
                }
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                // A terminal that nobody has open any more says EIO.
                Err(_) => return None,
            }
        }
    }

    /// Writes all of it. What was not written is still there where this is not waited for.
    pub(super) async fn write(&self, bytes: &mut Bytes) -> io::Result<()> {
        let writer = self.writer.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        while !bytes.is_empty() {
            writer.writable().await?;
            match writer.try_write(bytes) {
                Ok(length) => bytes.advance(length),
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was typed on a terminal and read by nobody.
    pub(super) async fn typed(&self) -> io::Result<Bytes> {
        let Some(master) = &self.writer else { return Ok(Bytes::new()) };
        // Devctl's end once more, and only now: a terminal ends when nobody has that open.
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = without_blocking(ioctl_tiocgptpeer(master, flags)?)?;
        let modes = tcgetattr(&slave)?;
        // Whole lines or not.
        let mut now = modes.clone();
        now.local_modes.remove(LocalModes::ICANON);
        tcsetattr(&slave, OptionalActions::Now, &now)?;
        let mut bytes = BytesMut::new();
        let mut buffer = [0; 4 << 10];
        let mut more = true;
        while more {
            more = false;
            // The kernel hands on what is written to a terminal by and by.
            sleep(HANDED_ON).await;
            while let Ok(length @ 1..) = read(&slave, &mut buffer) {
                bytes.extend_from_slice(&buffer[..length]);
                more = true;
            }
        }
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        Ok(bytes.freeze())
    }

    /// Nothing more is written.
    pub(super) fn close(&mut self) {
        self.writer = None;
    }

    /// Tells devctl that its terminal has another size.
    pub(super) fn resize(&self, size: Size) {
        if let Some(writer) = &self.writer {
            let _ = resize(writer.as_fd(), size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_terminal_echoes_has_its_size_and_ends_with_its_last_user() {
        let size = Size { columns: 100, rows: 30, ..Size::default() };
        let (end, slave) = terminal(size).unwrap();
        assert_eq!(rustix::termios::tcgetwinsize(&slave).unwrap().ws_col, 100);
        end.write(&mut Bytes::from_static(b"hello")).await.unwrap();
        assert_eq!(end.read().await.unwrap(), "hello");
        drop(slave);
        assert_eq!(end.read().await, None);
    }

    #[tokio::test]
    async fn what_nobody_read_from_a_terminal_is_still_there() {
        let (end, slave) = terminal(Size::default()).unwrap();
        let modes = tcgetattr(&slave).unwrap();
        end.write(&mut Bytes::from_static(b"one\ntwo")).await.unwrap();
        assert_eq!(end.typed().await.unwrap(), "one\ntwo");
        assert_eq!(tcgetattr(&slave).unwrap().local_modes, modes.local_modes);
        // What comes later is devctl's.
        end.write(&mut Bytes::from_static(b"three\n")).await.unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read(&slave, &mut buffer).unwrap(), 6);
        drop(slave);
        while end.read().await.is_some() {}
    }

    #[tokio::test]
    async fn what_nobody_read_from_a_pipe_can_be_read_again() {
        let (mut pipe, theirs) = to_devctl().unwrap();
        pipe.end.write(&mut Bytes::from_static(b"hello world")).await.unwrap();
        let mut buffer = [0; 6];
        assert_eq!(read(&theirs, &mut buffer).unwrap(), 6);
        assert_eq!((read(&pipe.back, &mut buffer).unwrap(), &buffer[..5]), (5, &b"world"[..]));
        assert_eq!(read(&pipe.back, &mut buffer), Err(rustix::io::Errno::AGAIN));
        pipe.end.close();
        // devctl's own end waits, as programs expect of their standard input.
        assert_eq!(read(&theirs, &mut buffer), Ok(0));
    }

    #[tokio::test]
    async fn a_pipe_ends_when_its_writer_is_gone() {
        let (end, writer) = from_devctl().unwrap();
        rustix::io::write(&writer, b"x").unwrap();
        assert_eq!(end.read().await.unwrap(), "x");
        drop(writer);
        assert_eq!(end.read().await, None);
    }
}
