//! Whose sessions these are: the user that the container runs as, its shell, and the environment of its programs.
//! Reads `passwd` itself, since a static program cannot ask the image's C library.

use std::{
    ffi::{OsStr, OsString},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

/// Where home is when the container does not say.
const HOME: &str = "/home/dev";
/// Programs are looked for here when the container does not say.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Name of a user that the image has no entry for.
const NAME: &str = "dev";
/// Tried in this order when the entry names no shell that is there.
const SHELLS: [&str; 4] = ["/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh"];

/// The user that the container runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// As the image calls it.
    pub(crate) name: String,
    /// Where sessions begin.
    pub(crate) home: PathBuf,
    /// What runs commands; none where the image has no shell at all.
    pub(crate) shell: Option<PathBuf>,
}

/// What a session knows about its connection and its terminal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Circumstances {
    /// `SSH_CONNECTION`: both ends, address and port.
    pub(crate) connection: String,
    /// `SSH_CLIENT`.
    pub(crate) client: String,
    /// Path of its terminal.
    pub(crate) tty: Option<PathBuf>,
    /// Kind of that terminal.
    pub(crate) term: Option<String>,
    /// Socket of a forwarded agent.
    pub(crate) agent: Option<PathBuf>,
    /// What the client asked for, as far as [`may_set`] allows.
    pub(crate) requested: Vec<(String, String)>,
}

impl Account {
    /// The one of this process.
    pub(crate) fn own() -> Self {
        let passwd = std::fs::read("/etc/passwd").unwrap_or_default();
        let passwd = String::from_utf8_lossy(&passwd);
        let entry = entry(&passwd, rustix::process::geteuid().as_raw());
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        let wanted = entry.as_ref().map(|entry| Path::new(entry.shell)).filter(|shell| is_login_shell(shell));
        let shell = wanted.into_iter().chain(SHELLS.iter().map(Path::new)).find(|shell| is_program(shell));
        Self {
            name: entry.as_ref().map_or(NAME, |entry| entry.name).to_owned(),
            home: home.map_or_else(|| HOME.into(), PathBuf::from),
            shell: shell.map(Path::to_owned),
        }
    }

    /// Where a session's program begins.
    pub(crate) fn folder(&self) -> &Path {
        if self.home.is_dir() { &self.home } else { Path::new("/") }
    }

    /// The environment of a session's program: the container's own, then what login adds, then what was asked for.
    pub(crate) fn environment(
        &self,
        container: impl IntoIterator<Item = (OsString, OsString)>,
        around: &Circumstances,
    ) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(OsString, OsString)> = container.into_iter().collect();
        if !all.iter().any(|(name, _)| name == "PATH") {
            all.push(("PATH".into(), PATH.into()));
        }
        let mut set = |name: &str, value: &OsStr| {
            all.retain(|(other, _)| other != name);
            all.push((name.into(), value.to_owned()));
        };
        for (name, value) in &around.requested {
            set(name, OsStr::new(value));
        }
        set("HOME", self.home.as_os_str());
        set("USER", OsStr::new(&self.name));
        set("LOGNAME", OsStr::new(&self.name));
        if let Some(shell) = &self.shell {
            set("SHELL", shell.as_os_str());
        }
        set("SSH_CONNECTION", OsStr::new(&around.connection));
        set("SSH_CLIENT", OsStr::new(&around.client));
        if let Some(tty) = &around.tty {
            set("SSH_TTY", tty.as_os_str());
        }
        if let Some(term) = &around.term {
            set("TERM", OsStr::new(term));
        }
        if let Some(agent) = &around.agent {
            set("SSH_AUTH_SOCK", agent.as_os_str());
        }
        all
    }
}

/// Whether a client may set `name`: not what decides whose session it is, which programs are loaded into others, or
/// what the platform says of itself.
pub(crate) fn may_set(name: &str) -> bool {
    const NAMES: [&str; 13] = [
        "BASHOPTS",
        "BASH_ENV",
        "ENV",
        "GCONV_PATH",
        "HOME",
        "HOSTNAME",
        "IFS",
        "LOGNAME",
        "PATH",
        "PS4",
        "SHELL",
        "SHELLOPTS",
        "USER",
    ];
    const PREFIXES: [&str; 6] = ["LD_", "GLIBC_", "BASH_FUNC", "SSH_", "DEVSERVER_", "KUBERNETES_"];
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.len() <= 256
        && name.starts_with(|c: char| word(c) && !c.is_ascii_digit())
        && name.chars().all(word)
        && !NAMES.contains(&name)
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What login calls a shell: its name behind a dash.
pub(crate) fn login_name(shell: &Path) -> OsString {
    let mut name = OsString::from("-");
    name.push(shell.file_name().unwrap_or(shell.as_os_str()));
    name
}

#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    name: &'a str,
    shell: &'a str,
}

fn entry(passwd: &str, uid: u32) -> Option<Entry<'_>> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        let shell = fields.nth(3)?;
        (number.parse() == Ok(uid)).then_some(Entry { name, shell })
    })
}

/// Images name these for users that should not log in; whoever may log in here was let in by the platform.
fn is_login_shell(shell: &Path) -> bool {
    shell.is_absolute()
        && !matches!(shell.file_name().map(OsStr::as_bytes), None | Some(b"nologin" | b"false" | b"sync"))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nbroken\ndev:x:1000:1000::/home/dev:/usr/bin/zsh\n";

    fn account() -> Account {
        Account { name: "dev".into(), home: "/home/dev".into(), shell: Some("/bin/bash".into()) }
    }

    fn value(all: &[(OsString, OsString)], name: &str) -> Vec<String> {
        all.iter().filter(|(n, _)| n == name).map(|(_, v)| v.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_user_is_found_by_number_also_behind_a_broken_line() {
        assert_eq!(entry(PASSWD, 1000), Some(Entry { name: "dev", shell: "/usr/bin/zsh" }));
        assert_eq!(entry(PASSWD, 7), None);
    }

    #[test]
    fn a_shell_that_lets_nobody_in_is_no_shell() {
        assert!(!is_login_shell(Path::new("/usr/sbin/nologin")) && !is_login_shell(Path::new("/bin/false")));
        assert!(!is_login_shell(Path::new("")) && is_login_shell(Path::new("/bin/ash")));
    }

    #[test]
    fn a_client_sets_words_but_not_who_it_is() {
        for good in ["LANG", "LC_ALL", "GIT_PROTOCOL", "COLORTERM", "TERM_PROGRAM", "_x", "TZ"] {
            assert!(may_set(good), "{good}");
        }
        for bad in
            ["", "LD_PRELOAD", "PATH", "HOME", "1A", "A=B", "A B", "DEVSERVER_NAME", "SSH_AUTH_SOCK", "ä"]
        {
            assert!(!may_set(bad), "{bad}");
        }
    }

    #[test]
    fn the_environment_is_the_containers_with_each_name_once() {
        let container = [("LANG", "C"), ("DEVSERVER_NAME", "mydev"), ("HOME", "/root")];
        let around = Circumstances {
            requested: vec![("LANG".into(), "de_DE.UTF-8".into())],
            term: Some("xterm".into()),
            ..Circumstances::default()
        };
        let all = account().environment(container.map(|(n, v)| (n.into(), v.into())), &around);
        assert_eq!(value(&all, "LANG"), ["de_DE.UTF-8"]);
        assert_eq!(value(&all, "DEVSERVER_NAME"), ["mydev"]);
        assert_eq!(value(&all, "HOME"), ["/home/dev"]);
        assert_eq!(value(&all, "TERM"), ["xterm"]);
        assert_eq!(value(&all, "PATH"), [PATH]);
        assert!(value(&all, "SSH_TTY").is_empty());
    }

    #[test]
    fn a_login_shell_is_called_behind_a_dash() {
        assert_eq!(login_name(Path::new("/bin/bash")), "-bash");
    }
}
