//! The limits of this machine: disk, inotify instances and watches.

use std::{
    fmt, fs,
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

/// The inotify instances of one node: systemd, containerd, the kubelet and its pods. Counted with a platform on it: 27 on
/// kind, 19 on the stand-in for k3s.
const INSTANCES_OF_A_NODE: u64 = 28;
/// The watches of one node, on control groups, units and mounted volumes. Counted with a platform on it: 339 on kind, 125
/// on the stand-in for k3s; the rest is for dev servers.
const WATCHES_OF_A_NODE: u64 = 500;
/// Linux's own limit of instances. A machine with a lower one is rejected if the instances in use are unknown.
const USUAL_INSTANCES: u64 = 128;
/// Linux's own limit of watches before version 5.11; later versions have this limit or a higher one.
const USUAL_WATCHES: u64 = 8192;

/// inotify instances and watches. The kubelet, containerd and systemd of a node need tens of instances, and the kernel
/// counts the root users of all nodes and of this machine as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inotify {
    /// Instances that processes of the user have; unless `complete`, at least so many.
    pub instances: u64,
    /// The most instances that a user may have: `fs.inotify.max_user_instances`.
    pub max_instances: u64,
    /// Watches in these instances; unless `complete`, at least so many.
    pub watches: u64,
    /// The most watches that a user may have: `fs.inotify.max_user_watches`.
    pub max_watches: u64,
    /// Whether every process of the user could be read: only root may see the open files of root's processes.
    pub complete: bool,
}

/// A kernel limit of inotify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Instances per user.
    Instances,
    /// Watches per user, in all instances together.
    Watches,
}

/// A limit that leaves too little for more nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooLow {
    pub limit: Limit,
    /// Its value.
    pub max: u64,
    /// How many root uses; `None` if this account may not see that.
    pub used: Option<Used>,
    /// How many more are needed; if `used` is unknown, how high the limit must be.
    pub needed: u64,
}

/// How much of a limit root uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// The whole use.
    Exactly(u64),
    /// The use that this account sees.
    AtLeast(u64),
}

impl Inotify {
    /// Returns the same limits with at least this use. A use that was counted completely stays.
    #[must_use]
    pub fn at_least(self, instances: u64, watches: u64) -> Self {
        if self.complete {
            return self;
        }
        Self { instances: self.instances.max(instances), watches: self.watches.max(watches), ..self }
    }

    /// Returns the value of a limit.
    pub fn max(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Instances => self.max_instances,
            Limit::Watches => self.max_watches,
        }
    }

    /// Returns the use after the deletion of this many running nodes.
    #[must_use]
    pub fn without_nodes(self, nodes: u32) -> Self {
        let left = |used: u64, of_a_node: u64| used.saturating_sub(u64::from(nodes) * of_a_node);
        Self {
            instances: left(self.instances, INSTANCES_OF_A_NODE),
            watches: left(self.watches, WATCHES_OF_A_NODE),
            ..self
        }
    }

    /// Returns a limit that is too low for this many more nodes. If the whole use is not known, the limit itself must
    /// also have the usual height, because an incomplete count would nearly always pass.
    pub fn too_low_for(&self, nodes: u32) -> Option<TooLow> {
        let Self { instances, max_instances, watches, max_watches, complete } = *self;
        let judged = |limit, used: u64, max: u64, of_a_node: u64, usual: u64| {
            let more = u64::from(nodes) * of_a_node;
            let low = |used, needed| TooLow { limit, max, used, needed };
            let least = more.max(usual);
            if !complete && max < least {
                return Some(low(None, least));
            }
            let counted = if complete { Used::Exactly(used) } else { Used::AtLeast(used) };
            (max.saturating_sub(used) < more).then(|| low(Some(counted), more))
        };
        judged(Limit::Instances, instances, max_instances, INSTANCES_OF_A_NODE, USUAL_INSTANCES)
            .or_else(|| judged(Limit::Watches, watches, max_watches, WATCHES_OF_A_NODE, USUAL_WATCHES))
    }
}

impl fmt::Display for Inotify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instances, max_instances, watches, max_watches, complete } = self;
        if *complete {
            write!(
                f,
                "{instances} of {max_instances} instances and {watches} of {max_watches} watches in use"
            )
        } else if *instances == 0 && *watches == 0 {
            write!(
                f,
                "at most {max_instances} instances and {max_watches} watches; only root sees how many are in use"
            )
        } else {
            write!(
                f,
                "nodes use {instances} of {max_instances} instances and {watches} of {max_watches} watches; only root sees the rest of the use"
            )
        }
    }
}

impl Limit {
    /// Returns the sysctl that sets it.
    fn sysctl(self) -> &'static str {
        match self {
            Self::Instances => "fs.inotify.max_user_instances",
            Self::Watches => "fs.inotify.max_user_watches",
        }
    }

    /// Returns the commands that raise it from `max` to at least `least`, until the next boot and permanently.
    pub fn remedy(self, max: u64, least: u64) -> String {
        // The values that kind's documentation recommends.
        let recommended = match self {
            Self::Instances => 512,
            Self::Watches => 524_288,
        };
        let setting = format!("{}={}", self.sysctl(), (max * 2).max(least).max(recommended));
        format!(
            "allow more: `sudo sysctl {setting}`; to keep it over a reboot: `echo {setting} | sudo tee -a /etc/sysctl.d/90-devplat.conf`"
        )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instances => "inotify instances",
            Self::Watches => "inotify watches",
        })
    }
}

impl TooLow {
    /// Returns the commands that raise the limit.
    pub fn hint(&self) -> String {
        let used = match self.used {
            Some(Used::Exactly(used) | Used::AtLeast(used)) => used,
            None => 0,
        };
        self.limit.remedy(self.max, used + self.needed)
    }
}

impl fmt::Display for TooLow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, max, used, needed } = self;
        match used {
            Some(Used::Exactly(used)) => {
                write!(f, "{used} of {max} {limit} are in use, and the nodes need {needed} more")
            }
            Some(Used::AtLeast(used)) => {
                write!(f, "at least {used} of {max} {limit} are in use, and the nodes need {needed} more")
            }
            None => {
                write!(f, "this machine allows {max} {limit}, and nodes need a limit of at least {needed}")
            }
        }
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
    }

    /// Returns the limit that is too low for `nodes`; each pair is a number in use with its limit.
    fn judged(instances: (u64, u64), watches: (u64, u64), complete: bool, nodes: u32) -> Option<TooLow> {
        let (instances, max_instances) = instances;
        let (watches, max_watches) = watches;
        Inotify { instances, max_instances, watches, max_watches, complete }.too_low_for(nodes)
    }

    #[test]
    fn counts_decide_if_they_are_known_and_limits_if_not() {
        use Limit::{Instances, Watches};
        for (instances, watches, complete, nodes, expected) in [
            ((100, 128), (100, 8192), true, 1, None),
            ((105, 128), (100, 8192), true, 1, Some(Instances)),
            ((54, 24), (100, 8192), true, 1, Some(Instances)),
            ((54, 128), (100, 8192), true, 4, Some(Instances)),
            ((54, 128), (7800, 8192), true, 1, Some(Watches)),
            ((54, 1024), (0, 512), true, 2, Some(Watches)),
            // The instances of root are unknown to an ordinary user.
            ((0, 24), (0, 8192), false, 1, Some(Instances)),
            ((0, 127), (0, 8192), false, 1, Some(Instances)),
            ((0, 128), (0, 8192), false, 1, None),
            ((0, 128), (0, 8192), false, 6, Some(Instances)),
            ((0, 128), (0, 512), false, 1, Some(Watches)),
            // It sees the use in nodes.
            ((81, 128), (0, 8192), false, 1, None),
            ((108, 128), (0, 8192), false, 1, Some(Instances)),
            ((27, 128), (7800, 8192), false, 1, Some(Watches)),
        ] {
            let found = judged(instances, watches, complete, nodes);
            let found_limit = found.as_ref().map(|low| low.limit);
            assert_eq!(found_limit, expected, "{instances:?} {watches:?} {complete} {nodes}: {found:?}");
        }
    }

    #[test]
    fn low_limit_is_reported_with_its_sysctl_and_its_file() {
        let known = judged((54, 64), (0, 8192), true, 1).unwrap();
        assert_eq!(known.to_string(), "54 of 64 inotify instances are in use, and the nodes need 28 more");
        let unknown = judged((0, 24), (0, 8192), false, 1).unwrap();
        assert_eq!(
            unknown.to_string(),
            "this machine allows 24 inotify instances, and nodes need a limit of at least 128"
        );
        let partly = judged((108, 128), (0, 8192), false, 1).unwrap();
        assert_eq!(
            partly.to_string(),
            "at least 108 of 128 inotify instances are in use, and the nodes need 28 more"
        );
        for low in [known, unknown, partly] {
            let hint = low.hint();
            assert!(hint.contains("`sudo sysctl fs.inotify.max_user_instances=512`"), "{hint}");
            assert!(hint.contains("/etc/sysctl.d/90-devplat.conf"), "{hint}");
        }
        let watches = judged((0, 128), (600, 1000), true, 1).unwrap().hint();
        assert!(watches.contains("fs.inotify.max_user_watches=524288"), "{watches}");
    }

    #[test]
    fn incomplete_count_is_shown_as_the_use_of_nodes() {
        let hidden =
            Inotify { instances: 0, max_instances: 128, watches: 0, max_watches: 8192, complete: false };
        assert!(hidden.to_string().ends_with("; only root sees how many are in use"), "{hidden}");
        let shown =
            "nodes use 27 of 128 instances and 339 of 8192 watches; only root sees the rest of the use";
        assert_eq!(hidden.at_least(27, 339).to_string(), shown);
        let counted = Inotify { instances: 54, complete: true, ..hidden };
        assert_eq!(counted.at_least(27, 339), counted);
        assert_eq!((hidden.max(Limit::Instances), hidden.max(Limit::Watches)), (128, 8192));
    }

    #[test]
    fn disk_of_an_absent_folder_is_that_of_the_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(disk_free(&folder.path().join("a/b/c")).unwrap() > 0);
    }
}
