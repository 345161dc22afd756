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
    use super::{super::packet::request, *};

    /// Whole packets that answer `kind` with `fields`, which begin with the request's number where it has one.
    fn answered(files: &mut Files, kind: u8, fields: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        files.answer(&[&[kind], fields.concat().as_slice()].concat(), &mut out).unwrap();
        out
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    const ID: [u8; 4] = [0, 0, 0, 7];

    #[test]
    fn a_client_is_told_of_what_makes_it_fast_and_its_files_safe() {
        let out = answered(&mut Files::new("/".into()), request::INIT, &[&[0, 0, 0, 3]]);
        for (name, version) in
            [("posix-rename@openssh.com", "1"), ("limits@openssh.com", "1"), ("fsync@openssh.com", "1")]
        {
            let wanted = [text(name.as_bytes()), text(version.as_bytes())].concat();
            assert!(out.windows(wanted.len()).any(|window| window == wanted), "{name}");
        }
    }

    #[test]
    fn limits_are_those_that_hold() {
        let mut files = Files::new("/".into());
        let out = answered(&mut files, request::EXTENDED, &[&ID, &text(b"limits@openssh.com")]);
        let (head, numbers) = out.split_at(9);
        assert_eq!(head, [0, 0, 0, 37, 201, 0, 0, 0, 7]);
        let numbers: Vec<u64> =
            numbers.chunks_exact(8).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect();
        assert_eq!(numbers, [256 << 10, (256 << 10) - 1024, (256 << 10) - 1024, 256]);
    }

    #[test]
    fn fsync_is_done_for_an_open_file_and_for_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let mut files = Files::new(folder.path().to_owned());
        let out = answered(&mut files, request::OPEN, &[&ID, &text(b"file"), &[0, 0, 0, 2], &[0; 4]]);
        assert_eq!(out[4], 102, "a handle");
        let file = out[9..].to_vec();
        let out = answered(&mut files, request::OPENDIR, &[&ID, &text(b".")]);
        let parent = out[9..].to_vec();
        // Status 0 is done, 4 a failure.
        for (handle, status) in [(file, 0), (parent, 4), (text(b"none"), 4)] {
            let wanted = [&ID[..], &text(b"fsync@openssh.com"), &handle];
            let out = answered(&mut files, request::EXTENDED, &wanted);
            assert_eq!(out[4..13], [101, 0, 0, 0, 7, 0, 0, 0, status], "{handle:?}");
        }
    }

    #[test]
    fn a_tilde_is_home_only_where_it_stands_for_it() {
        let expanded = |path: &str| expand(Path::new(path), Path::new("/home/dev")).ok();
        assert_eq!(expanded("~").as_deref(), Some(Path::new("/home/dev")));
        assert_eq!(expanded("~/a").as_deref(), Some(Path::new("/home/dev/a")));
        assert_eq!(expanded("a~").as_deref(), Some(Path::new("/home/dev/a~")));
        assert_eq!(expanded("~bob/a"), None);
    }
}
