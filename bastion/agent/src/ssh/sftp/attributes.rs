//! What SFTP says of a file: read from the file system, written into packets, and the other way round.

use std::{fs::Metadata, io, os::unix::fs::MetadataExt, path::Path};

use rustix::{
    fd::AsFd,
    fs::{
        AtFlags, CWD, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, chmodat, chownat, fchmod, fchown,
        ftruncate, futimens, utimensat,
    },
};

use super::packet::{Fields, Malformed};

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// Attributes as a client sends them; what it leaves out is not to be changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) permissions: Option<u32>,
    /// Of access and modification, in seconds since 1970.
    pub(super) times: Option<(u32, u32)>,
}

impl Attributes {
    /// From a request.
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let flags = fields.u32()?;
        let size = if flags & SIZE == 0 { None } else { Some(fields.u64()?) };
        let owner = if flags & OWNER == 0 { None } else { Some((fields.u32()?, fields.u32()?)) };
        let permissions = if flags & PERMISSIONS == 0 { None } else { Some(fields.u32()?) };
        let times = if flags & TIMES == 0 { None } else { Some((fields.u32()?, fields.u32()?)) };
        if flags & EXTENDED != 0 {
            for _ in 0..fields.u32()? {
                fields.bytes()?;
                fields.bytes()?;
            }
        }
        Ok(Self { size, owner, permissions, times })
    }

    /// The permissions of something new, before the process's mask.
    pub(super) fn mode(&self, otherwise: u32) -> Mode {
        Mode::from_raw_mode(self.permissions.unwrap_or(otherwise) & 0o7777)
    }

    /// Changes an open file.
    pub(super) fn apply_to(&self, file: impl AsFd) -> io::Result<()> {
        let Self { size, owner, permissions, times } = *self;
        if let Some(size) = size {
            ftruncate(&file, size)?;
        }
        if permissions.is_some() {
            fchmod(&file, self.mode(0))?;
        }
        if let Some(times) = times {
            futimens(&file, &timestamps(times))?;
        }
        if let Some((user, group)) = owner {
            fchown(&file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
        }
        Ok(())
    }

    /// Changes what `path` names: a link itself unless `follow`.
    pub(super) fn apply(&self, path: &Path, follow: bool) -> io::Result<()> {
        let Self { size, owner, permissions, times } = *self;
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        if let Some(size) = size {
            std::fs::OpenOptions::new().write(true).open(path)?.set_len(size)?;
        }
        if permissions.is_some() {
            chmodat(CWD, path, self.mode(0), flags)?;
        }
        if let Some(times) = times {
            utimensat(CWD, path, &timestamps(times), flags)?;
        }
        if let Some((user, group)) = owner {
            chownat(CWD, path, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)), flags)?;
        }
        Ok(())
    }
}

/// Puts what the file system says behind `out`.
pub(super) fn write(found: &Metadata, out: &mut Vec<u8>) {
    // SFTP 3 has seconds of 32 bits.
    let seconds = |time: i64| u32::try_from(time.max(0)).unwrap_or(u32::MAX);
    out.extend_from_slice(&(SIZE | OWNER | PERMISSIONS | TIMES).to_be_bytes());
    out.extend_from_slice(&found.size().to_be_bytes());
    for number in [found.uid(), found.gid(), found.mode(), seconds(found.atime()), seconds(found.mtime())] {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Puts "nothing is known" behind `out`.
pub(super) fn write_none(out: &mut Vec<u8>) {
    out.extend_from_slice(&0u32.to_be_bytes());
}

fn timestamps((access, modification): (u32, u32)) -> Timestamps {
    let at = |seconds: u32| Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    debug_assert_ne!(UTIME_OMIT, 0, "zero nanoseconds are a time");
    Timestamps { last_access: at(access), last_modification: at(modification) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_far_as_they_are_there() {
        let mut bytes = (SIZE | TIMES | EXTENDED).to_be_bytes().to_vec();
        bytes.extend(5u64.to_be_bytes());
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 2]);
        bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0, 0]);
        let mut fields = Fields(&bytes);
        let read = Attributes::read(&mut fields).unwrap();
        assert_eq!(read, Attributes { size: Some(5), times: Some((1, 2)), ..Attributes::default() });
        assert!(fields.0.is_empty());
        assert_eq!(Attributes::read(&mut Fields(&bytes[..12])), Ok(read).and(Err(Malformed)));
    }

    #[test]
    fn what_is_applied_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "hello").unwrap();
        let wanted =
            Attributes { size: Some(2), permissions: Some(0o640), times: Some((10, 20)), owner: None };
        wanted.apply(&path, true).unwrap();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!((found.size(), found.mode() & 0o7777, found.mtime()), (2, 0o640, 20));
        let mut out = Vec::new();
        write(&found, &mut out);
        let read = Attributes::read(&mut Fields(&out)).unwrap();
        assert_eq!((read.size, read.times), (Some(2), Some((10, 20))));
    }
}
