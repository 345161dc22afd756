//! Allows one run at a time for each platform. Runs of one account use a lock file in the state folder. Accounts that
//! share a Docker engine use a socket in the kernel's abstract namespace, which leaves no file and ends with its
//! process.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::MetadataExt,
            net::{SocketAddr, UnixListener, UnixStream},
        },
    },
    path::Path,
};

use devplat_image::Digest;
use devplat_profile::PlatformName;
use fs4::FileExt;

/// A lock that a command holds while it works on a platform. The kernel releases it when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A lock for all accounts of the machine, which a command holds while it works on a platform in a Docker engine.
#[derive(Debug)]
pub struct EngineLock {
    _socket: UnixListener,
}

/// The reason why a lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{0} is working on this platform")]
    Held(LockHolder),
    /// The file or the socket cannot be used.
    #[error("cannot lock it")]
    Io(#[source] std::io::Error),
}

/// The process that holds a lock, as far as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    process: Option<u32>,
    /// Its program and arguments.
    words: Option<Vec<String>>,
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.process, &self.words) {
            (Some(process), Some(words)) => write!(f, "process {process}, `{}`,", words.join(" ")),
            (Some(process), None) => write!(f, "process {process}"),
            (None, _) => f.write_str("another devplat"),
        }
    }
}

impl LockHolder {
    /// Returns a process with these words as its command line.
    #[cfg(test)]
    pub fn of(process: u32, words: &[&str]) -> Self {
        Self { process: Some(process), words: Some(words.iter().map(|word| (*word).to_owned()).collect()) }
    }

    /// Returns whether this process itself holds the lock.
    pub fn is_this_process(&self) -> bool {
        self.process == Some(std::process::id())
    }

    /// Returns whether it is deleting the platform.
    pub fn destroys(&self) -> bool {
        self.verb() == Some("destroy")
    }

    /// Returns its verb: the first word that is neither a flag nor the value of one. Before the verb, flags with a value are
    /// `--name`, `--output` and `-o`, whose value can also be in the same word.
    fn verb(&self) -> Option<&str> {
        let mut words = self.words.iter().flatten().skip(1).map(String::as_str);
        loop {
            let word = words.next()?;
            let takes_the_next = match word.strip_prefix('-') {
                None => return Some(word),
                // Short flags can be in one word, such as `-vo json`.
                Some(flag) => match flag.strip_prefix('-') {
                    Some(long) => matches!(long, "name" | "output"),
                    None => flag.find('o').is_some_and(|place| place + 1 == flag.len()),
                },
            };
            if takes_the_next {
                words.next();
            }
        }
    }
}

impl Lock {
    /// Locks the file at `path`, creating it if it is absent. The file stays empty.
    pub fn acquire(path: &Path) -> Result<Self, LockError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(LockError::Io)?;
        match FileExt::try_lock(&file) {
            // A run that ended meanwhile has deleted the file, so another run could lock a new one.
            Ok(()) if !is_at(&file, path) => Self::acquire(path),
            Ok(()) => Ok(Self { _file: file }),
            Err(fs4::TryLockError::WouldBlock) => {
                let process = file.metadata().ok().and_then(|about| locked_by(&about));
                Err(LockError::Held(holder(process)))
            }
            Err(fs4::TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }

    /// Returns the process that has locked the file at `path`, without locking it; `None` if no visible process has.
    pub fn holder(path: &Path) -> Option<LockHolder> {
        let process = locked_by(&fs::metadata(path).ok()?)?;
        Some(holder(Some(process)))
    }
}

/// Returns whether an open file is still the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    let id = |about: Metadata| (about.dev(), about.ino());
    file.metadata().map(id).is_ok_and(|open| fs::metadata(path).map(id).is_ok_and(|there| there == open))
}

impl EngineLock {
    /// Locks `platform` in the engine with this id.
    pub fn acquire(engine: &str, platform: &PlatformName) -> Result<Self, LockError> {
        let address = address(engine, platform).map_err(LockError::Io)?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                Err(LockError::Held(holder(listener(&address))))
            }
            Err(error) => Err(LockError::Io(error)),
        }
    }

    /// Returns the process that has locked `platform` in the engine with this id; `None` if none has.
    pub fn holder(engine: &str, platform: &PlatformName) -> Option<LockHolder> {
        let process = listener(&address(engine, platform).ok()?)?;
        Some(holder(Some(process)))
    }
}

/// Returns the address of the socket for a platform in an engine. A hash, because an address has at most 107 bytes, less
/// than the longest id of an engine and the longest name together.
fn address(engine: &str, platform: &PlatformName) -> std::io::Result<SocketAddr> {
    let hash = Digest::of(format!("{engine}/{platform}").as_bytes());
    SocketAddr::from_abstract_name(format!("devplat/{}", hash.hex()))
}

/// Returns the process that listens at an address.
fn listener(address: &SocketAddr) -> Option<u32> {
    let stream = UnixStream::connect_addr(address).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
}

/// Returns the process that has locked a file, from /proc/locks; `None` if none has, or one in another container.
fn locked_by(about: &Metadata) -> Option<u32> {
    let device = format!("{:02x}:{:02x}", rustix::fs::major(about.dev()), rustix::fs::minor(about.dev()));
    // Such as `1: FLOCK  ADVISORY  WRITE 4711 fe:00:131090 0 EOF`.
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, at, ..] = fields[..] else { return None };
        let (on, inode) = at.rsplit_once(':')?;
        let process = process.parse().ok()?;
        let same_inode = inode.parse::<u64>().is_ok_and(|inode| inode == about.ino());
        (same_inode && (on == device || has_open(process, about))).then_some(process)
    })
}

/// Returns whether a process has a file open. On btrfs and overlayfs, /proc/locks names another device than the file has.
fn has_open(process: u32, about: &Metadata) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let mut found = files.filter_map(|file| fs::metadata(file.path()).ok());
    found.any(|open| (open.dev(), open.ino()) == (about.dev(), about.ino()))
}

fn holder(process: Option<u32>) -> LockHolder {
    let words = process.and_then(|process| {
        let line = fs::read(format!("/proc/{process}/cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split_terminator('\0');
        let program = Path::new(words.next()?).file_name()?.to_string_lossy().into_owned();
        Some(std::iter::once(program).chain(words.map(str::to_owned)).collect())
    });
    LockHolder { process, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_run_reports_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::acquire(&path).unwrap();
        let message = Lock::acquire(&path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("process {}, `", std::process::id())), "{message}");
        assert!(message.ends_with("`, is working on this platform"), "{message}");
        drop(lock);
        // Another test that is starting a program has a copy of the open file until its exec.
        let is_free = (0..500).any(|_| {
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            Lock::acquire(&path).is_ok()
        });
        assert!(is_free, "the lock outlives its holder");
        assert_eq!(fs::read(&path).unwrap(), b"", "the holder is written nowhere");
    }

    #[test]
    fn deleted_lock_file_is_not_the_one_at_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        fs::write(&path, "").unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn destroying_run_is_known_by_its_verb() {
        let destroys = |words: &[&str]| LockHolder::of(1, words).destroys();
        assert!(destroys(&["devplat", "--output", "json", "destroy"]));
        assert!(destroys(&["devplat", "-v", "-ojson", "--name=a", "--name", "up", "-vo", "json", "destroy"]));
        assert!(!destroys(&["devplat", "up", "--yes"]));
        for named in [&["devplat", "up", "--name", "destroy"], &["devplat", "--name", "destroy", "up"]] {
            assert!(!destroys(named), "the platform is named destroy: {named:?}");
        }
        assert!(!destroys(&["destroy"]), "this is the program");
    }

    #[test]
    fn lock_in_an_engine_is_exclusive_and_ends_with_its_holder() {
        let platform = PlatformName::default();
        let engine = format!("TEST-{}", std::process::id());
        let lock = EngineLock::acquire(&engine, &platform).unwrap();
        let message = EngineLock::acquire(&engine, &platform).unwrap_err().to_string();
        assert!(message.starts_with(&format!("process {}, `", std::process::id())), "{message}");
        EngineLock::acquire("ANOTHER", &platform).unwrap();
        let holder = EngineLock::holder(&engine, &platform).unwrap();
        assert!(holder.is_this_process(), "{holder:?}");
        drop(lock);
        // A child of another test has a copy until its program starts.
        let is_free = (0..500).any(|_| {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
            EngineLock::holder(&engine, &platform).is_none()
        });
        assert!(is_free, "the lock outlives its holder");
        EngineLock::acquire(&engine, &platform).unwrap();
    }

    #[test]
    fn platform_with_the_longest_name_can_be_locked() {
        let platform = "p".repeat(40).parse::<PlatformName>().unwrap();
        let engine = format!("{}-{}", ["ABCD"; 12].join(":"), std::process::id());
        EngineLock::acquire(&engine, &platform).unwrap();
    }
}
