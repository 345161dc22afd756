//! OpenSSH's extensions of SFTP: what makes its clients fast and their renames atomic.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use rustix::fs::{StatVfs, fstatvfs, statvfs};

use super::{
    attributes::Attributes,
    files::{Files, HANDLES, Open, answer_path},
    packet::{Failure, Fields, PACKET_MAX, PIECE_MAX, Packet},
};

/// What is offered, each with its version.
pub(super) const OFFERED: [(&str, &str); 8] = [
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("hardlink@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
];

/// Carries out an extended request; see [`Files::answer`].
pub(super) fn carry_out(
    files: &mut Files,
    id: u32,
    fields: &mut Fields<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    match fields.bytes()? {
        b"posix-rename@openssh.com" => {
            let from = files.path(fields)?;
            Ok(fs::rename(from, files.path(fields)?)?)
        }
        b"hardlink@openssh.com" => {
            let from = files.path(fields)?;
            Ok(fs::hard_link(from, files.path(fields)?)?)
        }
        b"fsync@openssh.com" => match files.handle(fields)? {
            Open::File(file, _) => Ok(file.sync_all()?),
            Open::Folder(_) => Err(Failure::Handle),
        },
        b"lsetstat@openssh.com" => {
            let path = files.path(fields)?;
            Ok(Attributes::read(fields)?.apply(&path, false)?)
        }
        b"limits@openssh.com" => {
            let piece = u64::from(PIECE_MAX);
            Packet::extended(out, id, &[PACKET_MAX as u64, piece, piece, HANDLES as u64]);
            Ok(())
        }
        b"statvfs@openssh.com" => {
            answer_statvfs(id, &statvfs(files.path(fields)?)?, out);
            Ok(())
        }
        b"fstatvfs@openssh.com" => match files.handle(fields)? {
            Open::File(file, _) => {
                answer_statvfs(id, &fstatvfs(&*file)?, out);
                Ok(())
            }
            Open::Folder(_) => Err(Failure::Handle),
        },
        b"expand-path@openssh.com" => {
            let path = expand(fields.path()?, &files.home)?;
            answer_path(id, &path, out);
            Ok(())
        }
        _ => Err(Failure::Unsupported),
    }
}

/// `~` is home; homes of others are not known.
fn expand(path: &Path, home: &Path) -> Result<std::path::PathBuf, Failure> {
    match path.as_os_str().as_bytes() {
        b"~" => Ok(home.to_owned()),
        [b'~', b'/', rest @ ..] => Ok(home.join(OsStr::from_bytes(rest))),
        [b'~', ..] => Err(std::io::Error::from(std::io::ErrorKind::NotFound).into()),
        _ => Ok(home.join(path)),
    }
}

fn answer_statvfs(id: u32, found: &StatVfs, out: &mut Vec<u8>) {
    let StatVfs {
        f_bsize,
        f_frsize,
        f_blocks,
        f_bfree,
        f_bavail,
        f_files,
        f_ffree,
        f_favail,
        f_fsid,
        f_flag,
        f_namemax,
    } = *found;
    // Of the flags, SFTP has the first two, with the same values.
    let flags = f_flag.bits() & 3;
    Packet::extended(
        out,
        id,
        &[
            f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail, f_fsid, flags,
            f_namemax,
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_home_only_where_it_stands_for_it() {
        let expanded = |path: &str| expand(Path::new(path), Path::new("/home/dev")).ok();
        assert_eq!(expanded("~").as_deref(), Some(Path::new("/home/dev")));
        assert_eq!(expanded("~/a").as_deref(), Some(Path::new("/home/dev/a")));
        assert_eq!(expanded("a~").as_deref(), Some(Path::new("/home/dev/a~")));
        assert_eq!(expanded("~bob/a"), None);
    }
}
