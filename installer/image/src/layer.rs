//! Layers: tar streams whose bytes depend on their content alone.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use tar::{Builder, EntryType, Header};

/// The user that programs run as in their images.
pub(crate) const NONROOT: u64 = 65532;

/// Writes the layer of an image of programs: each program in the root folder under its file name, and a user that runs
/// it.
pub(crate) fn programs(binaries: &[&Path], out: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(out);
    for binary in binaries {
        let name = binary.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut program = File::open(binary)?;
        let size = program.metadata()?.len();
        entry(&mut tar, &name.to_string_lossy(), 0o755, size, &mut program)?;
    }
    directory(&mut tar, "etc/")?;
    let passwd =
        format!("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{NONROOT}:{NONROOT}:nonroot:/:/sbin/nologin\n");
    entry(&mut tar, "etc/passwd", 0o644, passwd.len() as u64, &mut passwd.as_bytes())?;
    directory(&mut tar, "etc/ssl/")?;
    directory(&mut tar, "etc/ssl/certs/")?;
    let certificates = certificates();
    entry(
        &mut tar,
        "etc/ssl/certs/ca-certificates.crt",
        0o644,
        certificates.len() as u64,
        &mut certificates.as_bytes(),
    )?;
    tar.into_inner()?.flush()
}

/// Writes the layer of a base image from the tar of its root, without files that belong to the building machine.
pub(crate) fn base(rootfs: impl Read, out: impl Write) -> io::Result<()> {
    let mut from = tar::Archive::new(rootfs);
    // In the order of the root's own tar: mmdebstrap sorts it.
    let mut tar = Builder::new(out);
    for item in from.entries()? {
        let item = item?;
        let path = item.path_bytes().into_owned();
        let clean = String::from_utf8_lossy(&path);
        if left_out(clean.trim_start_matches("./"), item.header().entry_type()) {
            continue;
        }
        let link = item.link_name_bytes().map(std::borrow::Cow::into_owned);
        let mut header = Header::new_gnu();
        header.set_entry_type(item.header().entry_type());
        header.set_mode(item.header().mode()?);
        header.set_uid(item.header().uid()?);
        header.set_gid(item.header().gid()?);
        header.set_mtime(0);
        header.set_size(item.header().size()?);
        let path = Path::new(clean.trim_start_matches("./")).to_owned();
        if path.as_os_str().is_empty() {
            continue;
        }
        match link {
            Some(link) => {
                let target = String::from_utf8_lossy(&link).into_owned();
                let target = if item.header().entry_type() == EntryType::Link {
                    target.trim_start_matches("./").to_owned()
                } else {
                    target
                };
                header.set_size(0);
                tar.append_link(&mut header, path, target)?;
            }
            None => tar.append_data(&mut header, path, item)?,
        }
    }
    tar.into_inner()?.flush()
}

/// Folders whose content depends on the day of the build.
const FOLDERS: [&str; 4] = ["var/lib/apt/lists/", "var/cache/apt/", "var/log/", "var/cache/ldconfig/"];
/// Files that belong to one machine.
const FILES: [&str; 7] = [
    // A developer who installs more packages gets them with all their files.
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
    "var/cache/debconf/templates.dat-old",
];

/// Returns whether a path is left out. The runtime creates device nodes; lists, caches and logs depend on the day.
fn left_out(path: &str, kind: EntryType) -> bool {
    if matches!(kind, EntryType::Block | EntryType::Char | EntryType::Fifo) {
        return true;
    }
    FILES.contains(&path)
        || FOLDERS.iter().any(|folder| path.len() > folder.len() && path.starts_with(folder))
}

/// The roots that Mozilla trusts, as PEM.
fn certificates() -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let mut all = String::new();
    for root in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        all.push_str("-----BEGIN CERTIFICATE-----\n");
        let text = BASE64_STANDARD.encode(root);
        for line in text.as_bytes().chunks(64) {
            all.push_str(&String::from_utf8_lossy(line));
            all.push('\n');
        }
        all.push_str("-----END CERTIFICATE-----\n");
    }
    all
}

fn directory(tar: &mut Builder<impl Write>, path: &str) -> io::Result<()> {
    let mut header = header(EntryType::Directory, 0o755, 0);
    tar.append_data(&mut header, path, io::empty())
}

fn entry(
    tar: &mut Builder<impl Write>,
    path: &str,
    mode: u32,
    size: u64,
    content: &mut impl Read,
) -> io::Result<()> {
    let mut header = header(EntryType::Regular, mode, size);
    tar.append_data(&mut header, path, content)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
