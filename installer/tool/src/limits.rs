//! The limits of this machine: disk, inotify instances and watches, open files.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// A disk with fewer free bytes counts as full, because images and nodes write hundreds of megabytes.
pub const FULL: u64 = 64 << 20;

/// Returns the bytes that are free for this user on the disk of `path`, or of the nearest existing folder above it.
pub fn disk_free(path: &Path) -> io::Result<u64> {
    let mut place = path;
    loop {
        match rustix::fs::statvfs(place) {
            Ok(found) => return Ok(found.f_bavail.saturating_mul(found.f_frsize)),
            Err(rustix::io::Errno::NOENT) => match place.parent() {
                Some(above) => place = above,
                None => return Err(rustix::io::Errno::NOENT.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
}

/// inotify instances and watches. The kubelet, containerd and systemd of a node need tens of instances, and the kernel
/// counts the root users of all nodes and of this machine as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inotify {
    /// Instances that processes of the user have.
    pub instances: u64,
    /// The most instances that a user may have: `fs.inotify.max_user_instances`.
    pub max_instances: u64,
    /// Watches in these instances.
    pub watches: u64,
    /// The most watches that a user may have: `fs.inotify.max_user_watches`.
    pub max_watches: u64,
    /// Whether every process of the user could be read: only root may see the open files of root's processes.
    pub complete: bool,
}

impl Inotify {
    /// Returns the number of free instances.
    pub fn instances_left(&self) -> u64 {
        self.max_instances.saturating_sub(self.instances)
    }
}

/// Reads the inotify instances and watches of root, which include those of processes in containers.
pub fn inotify_of_root() -> io::Result<Inotify> {
    inotify(Path::new("/proc"), 0)
}

fn inotify(proc: &Path, user: u32) -> io::Result<Inotify> {
    let limit = |name: &str| -> io::Result<u64> {
        let text = fs::read_to_string(proc.join("sys/fs/inotify").join(name))?;
        text.trim().parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    };
    let mut found = Inotify {
        instances: 0,
        max_instances: limit("max_user_instances")?,
        watches: 0,
        max_watches: limit("max_user_watches")?,
        complete: true,
    };
    for entry in fs::read_dir(proc)? {
        let process = entry?.path();
        let number =
            process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
        // The process ended in between.
        let Some(owner) = number.then(|| owner(&process)).flatten() else { continue };
        if owner != user {
            continue;
        }
        match fs::read_dir(process.join("fd")) {
            Ok(files) => {
                for file in files.flatten() {
                    let target = fs::read_link(file.path()).unwrap_or_default();
                    if target.as_os_str() == "anon_inode:inotify" {
                        found.instances += 1;
                        found.watches += watches(&process.join("fdinfo").join(file.file_name()));
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => found.complete = false,
            // The process ended in between.
            Err(_) => {}
        }
    }
    Ok(found)
}

/// Reads the real user of a process.
fn owner(process: &Path) -> Option<u32> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}

fn watches(info: &Path) -> u64 {
    let text = fs::read_to_string(info).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("inotify ")).count() as u64
}

/// Returns how many files this process may have open.
pub fn open_files() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {limit} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn instances_and_watches_of_one_user_are_counted() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        fs::create_dir_all(proc.join("sys/fs/inotify")).unwrap();
        fs::write(proc.join("sys/fs/inotify/max_user_instances"), "128\n").unwrap();
        fs::write(proc.join("sys/fs/inotify/max_user_watches"), "1000\n").unwrap();
        for (number, user, instances) in [("7", 0, 2), ("8", 1000, 1)] {
            let process = proc.join(number);
            fs::create_dir_all(process.join("fd")).unwrap();
            fs::create_dir_all(process.join("fdinfo")).unwrap();
            fs::write(process.join("status"), format!("Name:\tx\nUid:\t{user}\t0\t0\t0\n")).unwrap();
            for file in 0..instances {
                symlink("anon_inode:inotify", process.join(format!("fd/{file}"))).unwrap();
                fs::write(
                    process.join(format!("fdinfo/{file}")),
                    "pos:\t0\ninotify wd:1 ino:1\ninotify wd:2\n",
                )
                .unwrap();
            }
            symlink("socket:[1]", process.join("fd/9")).unwrap();
        }
        let found = inotify(proc, 0).unwrap();
        let wanted =
            Inotify { instances: 2, max_instances: 128, watches: 4, max_watches: 1000, complete: true };
        assert_eq!(found, wanted);
        assert_eq!(found.instances_left(), 126);
    }

    #[test]
    fn disk_of_an_absent_folder_is_that_of_the_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk_free(&folder.path().join("a/b/c")).unwrap() > 0);
    }
}
