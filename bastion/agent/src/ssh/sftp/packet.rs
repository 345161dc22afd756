//! How SFTP version 3 is written: fields in, fields out. Names are bytes, as they are on Linux.

use std::{ffi::OsStr, io, os::unix::ffi::OsStrExt, path::Path};

/// Largest packet that is taken, as in OpenSSH.
pub(super) const PACKET_MAX: usize = 256 << 10;
/// Largest piece of a file in one packet.
pub(super) const PIECE_MAX: u32 = (256 << 10) - 1024;

/// Kinds of packets that clients send.
pub(super) mod request {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const LSTAT: u8 = 7;
    pub(in super::super) const FSTAT: u8 = 8;
    pub(in super::super) const SETSTAT: u8 = 9;
    pub(in super::super) const FSETSTAT: u8 = 10;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const MKDIR: u8 = 14;
    pub(in super::super) const RMDIR: u8 = 15;
    pub(in super::super) const REALPATH: u8 = 16;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const READLINK: u8 = 19;
    pub(in super::super) const SYMLINK: u8 = 20;
    pub(in super::super) const EXTENDED: u8 = 200;
}

const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED_REPLY: u8 = 201;

/// A packet that is no packet of SFTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What may come of a request besides what was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing more to read.
    End,
    /// No such extension, or a request that this version does not have.
    Unsupported,
    /// The request is not written as it should be.
    Malformed,
    /// A handle that is not open.
    Handle,
    /// The operating system's answer.
    System(io::Error),
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::System(error.into())
    }
}

impl Failure {
    fn code(&self) -> u32 {
        match self {
            Self::End => 1,
            Self::System(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => 2,
                io::ErrorKind::PermissionDenied => 3,
                _ => 4,
            },
            Self::Handle => 4,
            Self::Malformed => 5,
            Self::Unsupported => 8,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::End => "end of file".to_owned(),
            Self::Unsupported => "operation unsupported".to_owned(),
            Self::Malformed => "bad message".to_owned(),
            Self::Handle => "no such handle".to_owned(),
            Self::System(error) => {
                // "No such file or directory (os error 2)": the number is of no use to whoever reads it.
                let text = error.to_string();
                text.split(" (os error").next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// The fields of a request, from its first on.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A byte.
    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    /// A number of 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?.first_chunk().ok_or(Malformed)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A number of 64 bits.
    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        let bytes = self.take(8)?.first_chunk().ok_or(Malformed)?;
        Ok(u64::from_be_bytes(*bytes))
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    /// Bytes that name a file.
    pub(super) fn path(&mut self) -> Result<&'a Path, Malformed> {
        let bytes = self.bytes()?;
        // No file has such a name, and the kernel would take what is before the zero.
        if bytes.contains(&0) { Err(Malformed) } else { Ok(Path::new(OsStr::from_bytes(bytes))) }
    }
}

/// A packet that is being written at the end of a buffer.
pub(super) struct Packet<'a> {
    out: &'a mut Vec<u8>,
    begin: usize,
}

impl<'a> Packet<'a> {
    fn new(out: &'a mut Vec<u8>, kind: u8) -> Self {
        let begin = out.len();
        out.extend_from_slice(&[0; 4]);
        out.push(kind);
        Self { out, begin }
    }

    fn reply(out: &'a mut Vec<u8>, kind: u8, id: u32) -> Self {
        let mut packet = Self::new(out, kind);
        packet.u32(id);
        packet
    }

    /// Which version, and which extensions of it.
    pub(super) fn version(out: &'a mut Vec<u8>, extensions: &[(&str, &str)]) {
        let mut packet = Self::new(out, VERSION);
        packet.u32(3);
        for (name, value) in extensions {
            packet.bytes(name.as_bytes());
            packet.bytes(value.as_bytes());
        }
        packet.finish();
    }

    /// How a request ended.
    pub(super) fn status(out: &'a mut Vec<u8>, id: u32, outcome: &Result<(), Failure>) {
        let mut packet = Self::reply(out, STATUS, id);
        match outcome {
            Ok(()) => {
                packet.u32(0);
                packet.bytes(b"success");
            }
            Err(failure) => {
                packet.u32(failure.code());
                packet.bytes(failure.message().as_bytes());
            }
        }
        packet.bytes(b"");
        packet.finish();
    }

    /// An open file or folder.
    pub(super) fn handle(out: &'a mut Vec<u8>, id: u32, handle: u32) {
        let mut packet = Self::reply(out, HANDLE, id);
        packet.bytes(&handle.to_be_bytes());
        packet.finish();
    }

    /// A piece of a file, at most `length` bytes, which `read` puts behind what it is given. Nothing is left if it
    /// fails or has nothing.
    pub(super) fn data(
        out: &mut Vec<u8>,
        id: u32,
        length: usize,
        read: impl FnOnce(&mut Vec<u8>) -> io::Result<usize>,
    ) -> Result<(), Failure> {
        let begin = out.len();
        let mut packet = Packet::reply(out, DATA, id);
        let place = packet.out.len();
        packet.u32(0);
        packet.out.reserve_exact(length);
        let failure = match read(packet.out) {
            Ok(0) => Failure::End,
            Ok(count) => {
                packet.put_length(place, count);
                packet.finish();
                return Ok(());
            }
            Err(error) => error.into(),
        };
        out.truncate(begin);
        Err(failure)
    }

    /// A list of names that is to be filled; [`Names::finish`] counts them.
    pub(super) fn names(out: &'a mut Vec<u8>, id: u32) -> Names<'a> {
        let mut packet = Self::reply(out, NAME, id);
        let place = packet.out.len();
        packet.u32(0);
        Names { packet, place, count: 0 }
    }

    /// Attributes, which `write` puts behind what it is given.
    pub(super) fn attrs(out: &'a mut Vec<u8>, id: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let packet = Self::reply(out, ATTRS, id);
        write(packet.out);
        packet.finish();
    }

    /// What an extension answers, in numbers.
    pub(super) fn extended(out: &'a mut Vec<u8>, id: u32, numbers: &[u64]) {
        let packet = Self::reply(out, EXTENDED_REPLY, id);
        for number in numbers {
            packet.out.extend_from_slice(&number.to_be_bytes());
        }
        packet.finish();
    }

    fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        let place = self.out.len();
        self.u32(0);
        self.out.extend_from_slice(value);
        self.put_length(place, value.len());
    }

    fn put_length(&mut self, place: usize, length: usize) {
        let length = u32::try_from(length).expect("packets are far smaller than 4 GiB");
        self.out[place..place + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn finish(mut self) {
        let length = self.out.len() - self.begin - 4;
        self.put_length(self.begin, length);
    }
}

/// A list of names that is being written.
pub(super) struct Names<'a> {
    packet: Packet<'a>,
    place: usize,
    count: usize,
}

impl Names<'_> {
    /// One more: its name, how `ls -l` shows it, and its attributes, which `write` puts behind what it is given.
    pub(super) fn push(&mut self, name: &[u8], long: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.packet.bytes(name);
        self.packet.bytes(long);
        write(self.packet.out);
        self.count += 1;
    }

    /// That was all.
    pub(super) fn finish(mut self) {
        self.packet.put_length(self.place, self.count);
        self.packet.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_where_the_packet_does() {
        let mut fields = Fields(&[0, 0, 0, 3, b'a', b'b']);
        assert_eq!(fields.bytes(), Err(Malformed));
        let mut fields = Fields(&[0, 0, 0, 2, b'a', b'b', 9]);
        assert_eq!(fields.bytes(), Ok(&b"ab"[..]));
        assert_eq!(fields.u8(), Ok(9));
        assert_eq!(fields.u8(), Err(Malformed));
        assert!(Fields(&[0, 0, 0, 2, b'a', 0]).path().is_err());
    }

    #[test]
    fn a_packet_has_its_length_before_it_also_behind_another() {
        let mut out = Vec::new();
        Packet::handle(&mut out, 7, 1);
        Packet::status(&mut out, 8, &Ok(()));
        assert_eq!(out[..17], [0, 0, 0, 13, 102, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 1]);
        let length = u32::from_be_bytes(*out[17..].first_chunk().unwrap()) as usize;
        assert_eq!(out.len(), 17 + 4 + length);
    }

    #[test]
    fn a_read_that_gives_nothing_leaves_nothing() {
        let mut out = vec![1];
        assert!(matches!(Packet::data(&mut out, 7, 10, |_| Ok(0)), Err(Failure::End)));
        assert_eq!(out, [1]);
    }

    #[test]
    fn a_failure_is_told_without_the_number_of_the_operating_system() {
        let failure = Failure::System(io::Error::from_raw_os_error(28));
        assert_eq!(failure.message(), "No space left on device");
        assert_eq!(failure.code(), 4);
    }
}
