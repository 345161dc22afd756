//! Carrying out SFTP requests on the file system, one after the other. Knows nothing of channels.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata, ReadDir},
    io,
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::{
    buffer::spare_capacity,
    fs::{CWD, OFlags, RenameFlags, mkdirat, renameat_with},
    io::{Errno, pread},
};

use super::{
    attributes::{self, Attributes},
    listing,
    packet::{Failure, Fields, PIECE_MAX, Packet, request},
};

/// Files and folders open at once; each costs a descriptor of PID 1.
pub(super) const HANDLES: usize = 256;
/// Entries of a folder in one answer, as in OpenSSH.
const ENTRIES: usize = 100;

/// The file system, as one SFTP session has it.
pub(super) struct Files {
    pub(super) home: PathBuf,
    open: HashMap<u32, Open>,
    next: u32,
}

/// Something open.
pub(super) enum Open {
    /// A file; whether it is always written at its end.
    File(File, bool),
    /// What is left of a folder.
    Folder(Folder),
}

/// A folder that is being listed.
pub(super) struct Folder {
    path: PathBuf,
    entries: ReadDir,
    begun: bool,
}

type Outcome<T = ()> = Result<T, Failure>;

impl Files {
    /// Relative names are those in `home`.
    pub(super) fn new(home: PathBuf) -> Self {
        Self { home, open: HashMap::new(), next: 0 }
    }

    /// Carries out a request that is not extended. Puts an answer behind `out` unless it is just "done".
    pub(super) fn carry_out(&mut self, kind: u8, id: u32, fields: Fields<'_>, out: &mut Vec<u8>) -> Outcome {
        let mut fields = fields;
        match kind {
            request::OPEN => self.open_file(id, &mut fields, out),
            request::CLOSE => {
                let handle = number(&mut fields)?;
                self.open.remove(&handle).map(drop).ok_or(Failure::Handle)
            }
            request::READ => self.read(id, &mut fields, out),
            request::WRITE => self.write(&mut fields),
            request::STAT => {
                answer_metadata(id, &fs::metadata(self.path(&mut fields)?)?, out);
                Ok(())
            }
            request::LSTAT => {
                answer_metadata(id, &fs::symlink_metadata(self.path(&mut fields)?)?, out);
                Ok(())
            }
            request::FSTAT => {
                let found = match self.handle(&mut fields)? {
                    Open::File(file, _) => file.metadata()?,
                    Open::Folder(folder) => fs::metadata(&folder.path)?,
                };
                answer_metadata(id, &found, out);
                Ok(())
            }
            request::SETSTAT => {
                let path = self.path(&mut fields)?;
                Ok(Attributes::read(&mut fields)?.apply(&path, true)?)
            }
            request::FSETSTAT => {
                let open = self.handle(&mut fields)?;
                let wanted = Attributes::read(&mut fields)?;
                match open {
                    Open::File(file, _) => Ok(wanted.apply_to(&*file)?),
                    Open::Folder(folder) => Ok(wanted.apply(&folder.path, true)?),
                }
            }
            request::OPENDIR => {
                let path = self.path(&mut fields)?;
                let entries = fs::read_dir(&path)?;
                let handle = self.keep(Open::Folder(Folder { path, entries, begun: false }))?;
                Packet::handle(out, id, handle);
                Ok(())
            }
            request::READDIR => match self.handle(&mut fields)? {
                Open::Folder(folder) => folder.list(id, out),
                Open::File(..) => Err(Failure::Handle),
            },
            request::REMOVE => Ok(fs::remove_file(self.path(&mut fields)?)?),
            request::MKDIR => {
                let path = self.path(&mut fields)?;
                let mode = Attributes::read(&mut fields)?.mode(0o777);
                Ok(mkdirat(CWD, &path, mode)?)
            }
            request::RMDIR => Ok(fs::remove_dir(self.path(&mut fields)?)?),
            request::REALPATH => {
                let path = real(&self.path(&mut fields)?)?;
                answer_path(id, &path, out);
                Ok(())
            }
            request::READLINK => {
                let path = fs::read_link(self.path(&mut fields)?)?;
                answer_path(id, &path, out);
                Ok(())
            }
            request::RENAME => rename(&self.path(&mut fields)?, &self.path(&mut fields)?),
            request::SYMLINK => {
                // OpenSSH has these the other way round than the draft says, and so has every client.
                let target = fields.path()?;
                Ok(std::os::unix::fs::symlink(target, self.path(&mut fields)?)?)
            }
            _ => Err(Failure::Unsupported),
        }
    }

    /// A file name of a request, from the root on.
    pub(super) fn path(&self, fields: &mut Fields<'_>) -> Outcome<PathBuf> {
        Ok(self.home.join(fields.path()?))
    }

    /// What a handle of a request stands for.
    pub(super) fn handle(&mut self, fields: &mut Fields<'_>) -> Outcome<&mut Open> {
        let handle = number(fields)?;
        self.open.get_mut(&handle).ok_or(Failure::Handle)
    }

    fn keep(&mut self, open: Open) -> Outcome<u32> {
        if self.open.len() >= HANDLES {
            return Err(io::Error::from(Errno::MFILE).into());
        }
        while self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let handle = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(handle, open);
        Ok(handle)
    }

    fn open_file(&mut self, id: u32, fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Outcome {
        let path = self.path(fields)?;
        let wanted = fields.u32()?;
        let mode = Attributes::read(fields)?.mode(0o666);
        // NONBLOCK: a pipe with a name, without anybody at its other end, would be waited for for good.
        let flags = flags(wanted) | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::open(&path, flags, mode)?);
        let handle = self.keep(Open::File(file, flags.contains(OFlags::APPEND)))?;
        Packet::handle(out, id, handle);
        Ok(())
    }

    fn read(&mut self, id: u32, fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Outcome {
        let Open::File(file, _) = self.handle(fields)? else { return Err(Failure::Handle) };
        let (offset, length) = (fields.u64()?, fields.u32()?.min(PIECE_MAX) as usize);
        if length == 0 {
            return Err(Failure::End);
        }
        Packet::data(out, id, length, |out| {
            let begin = out.len();
            // The buffer may have more room than was asked for.
            let count = retried(|| pread(&*file, spare_capacity(out), offset))?.min(length);
            out.truncate(begin + count);
            Ok(count)
        })
    }

    fn write(&mut self, fields: &mut Fields<'_>) -> Outcome {
        let Open::File(file, append) = self.handle(fields)? else { return Err(Failure::Handle) };
        let offset = fields.u64()?;
        let data = fields.bytes()?;
        if *append {
            io::Write::write_all(file, data)?;
        } else {
            file.write_all_at(data, offset)?;
        }
        Ok(())
    }
}

impl Folder {
    fn list(&mut self, id: u32, out: &mut Vec<u8>) -> Outcome {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let begin = out.len();
        let mut names = Packet::names(out, id);
        let mut count = 0;
        let mut push = |name: &[u8], found: io::Result<Metadata>| {
            // It may be gone since.
            if let Ok(found) = found {
                names.push(name, &listing::line(name, &found, now), |out| attributes::write(&found, out));
                count += 1;
            }
        };
        if !self.begun {
            self.begun = true;
            push(b".", fs::metadata(&self.path));
            push(b"..", fs::metadata(self.path.join("..")));
        }
        for entry in self.entries.by_ref().take(ENTRIES) {
            let entry = entry?;
            push(entry.file_name().as_bytes(), entry.metadata());
        }
        names.finish();
        if count == 0 {
            out.truncate(begin);
            return Err(Failure::End);
        }
        Ok(())
    }
}

/// Renames, but over nothing: version 3 says so. `posix-rename@openssh.com` is for the other.
fn rename(from: &Path, to: &Path) -> Outcome {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot say "over nothing".
        Err(Errno::INVAL | Errno::NOSYS) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::Error::from(Errno::EXIST).into());
            }
            Ok(fs::rename(from, to)?)
        }
        outcome => Ok(outcome?),
    }
}

/// Without links and dots; the last part need not exist.
fn real(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(fs::canonicalize(parent)?.join(name)),
            _ => Err(error),
        },
        outcome => outcome,
    }
}

fn flags(wanted: u32) -> OFlags {
    let mut flags = match wanted & 3 {
        3 => OFlags::RDWR,
        2 => OFlags::WRONLY,
        _ => OFlags::RDONLY,
    };
    for (bit, flag) in
        [(0x4, OFlags::APPEND), (0x8, OFlags::CREATE), (0x10, OFlags::TRUNC), (0x20, OFlags::EXCL)]
    {
        flags.set(flag, wanted & bit != 0);
    }
    flags
}

fn number(fields: &mut Fields<'_>) -> Outcome<u32> {
    let bytes = fields.bytes()?;
    Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| Failure::Handle)?))
}

fn answer_metadata(id: u32, found: &Metadata, out: &mut Vec<u8>) {
    Packet::attrs(out, id, |out| attributes::write(found, out));
}

/// One name, of which nothing else is known.
pub(super) fn answer_path(id: u32, path: &Path, out: &mut Vec<u8>) {
    let name = path.as_os_str().as_bytes();
    let mut names = Packet::names(out, id);
    names.push(name, name, attributes::write_none);
    names.finish();
}

fn retried(mut read: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(Errno::INTR) => {}
            outcome => return Ok(outcome?),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_pipe_without_another_end_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut files = Files::new(folder.path().to_owned());
        for flags in [1, 2] {
            let open = [&[request::OPEN, 0, 0, 0, 1, 0, 0, 0, 4][..], b"pipe", &[0, 0, 0, flags, 0, 0, 0, 0]];
            let mut answer = Vec::new();
            files.answer(&open.concat(), &mut answer).unwrap();
            assert!(!answer.is_empty());
        }
    }
}
