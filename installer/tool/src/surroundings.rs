//! The environment variables and the home folder that devplat was started with. The caller passes them in, so that no
//! code below reads the environment and tests can choose them.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
};

/// The variables and the home folder for the search of programs and engines.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Environment variables, by name.
    pub variables: BTreeMap<OsString, OsString>,
    /// The home folder, if there is one.
    pub home: Option<PathBuf>,
}

/// The variables that name a proxy, in the order in which programs read them.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

impl Surroundings {
    /// Returns surroundings with these variables and this home folder.
    pub fn new<N: Into<OsString>, V: Into<OsString>>(
        variables: impl IntoIterator<Item = (N, V)>,
        home: Option<PathBuf>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, home }
    }

    /// Returns the value of a variable. An empty one counts as unset, as in Docker and curl.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable if it is UTF-8 and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Returns the folder of Docker's configuration: `$DOCKER_CONFIG`, else `~/.docker`.
    pub fn docker_folder(&self) -> Option<PathBuf> {
        self.get("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    /// Returns the variables that name a proxy, with their values.
    pub fn proxies(&self) -> impl Iterator<Item = (&'static str, &OsStr)> {
        PROXY_VARIABLES.into_iter().filter_map(|name| Some((name, self.get(name)?)))
    }

    /// Returns the value of `NO_PROXY` with `more` added; `None` if no proxy is set.
    pub fn no_proxy_with(&self, more: &[String]) -> Option<String> {
        self.proxies().next()?;
        let listed = self.text("NO_PROXY").or_else(|| self.text("no_proxy")).unwrap_or_default();
        let mut hosts: Vec<&str> = Vec::new();
        for host in listed.split(',').map(str::trim).chain(more.iter().map(String::as_str)) {
            if !host.is_empty() && !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        Some(hosts.join(","))
    }

    /// Returns the folders that are searched for programs: those of `PATH`, then those that ./quickstart links programs
    /// into, which the `PATH` of cron and of systemd units lacks. A `PATH` without the system's programs was made to
    /// limit the search, so nothing is added to it. Relative folders are skipped.
    pub fn folders(&self) -> Vec<PathBuf> {
        let path = self.get("PATH").unwrap_or_default();
        let limited =
            !path.is_empty() && !std::env::split_paths(path).any(|folder| folder == Path::new("/usr/bin"));
        let home = self.home.as_ref().map(|home| home.join(".local/bin"));
        let more = home.into_iter().chain([PathBuf::from("/usr/local/bin")]);
        let mut folders = Vec::new();
        let more = more.filter(|_| !limited);
        for folder in std::env::split_paths(path).chain(more) {
            if folder.is_absolute() && !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    /// Returns the path of a program, if it is installed. A path with a separator is not searched for.
    pub fn program(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return which::which_global(program).ok();
        }
        let folders = std::env::join_paths(self.folders()).ok()?;
        which::which_in_global(program, Some(folders)).ok()?.next().filter(|found| Path::is_absolute(found))
    }
}

/// Names the variables without their values, which may be passwords of proxies or tokens.
impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variables, home } = self;
        let names: Vec<&OsString> = variables.keys().collect();
        f.debug_struct("Surroundings").field("variables", &names).field("home", home).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn program_is_found_in_the_folders_of_quickstart() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".local/bin");
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("wt-tool-program");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let surroundings = Surroundings::new([("PATH", "/usr/bin:relative")], Some(home.path().to_owned()));
        assert_eq!(surroundings.program("wt-tool-program"), None, "a file that is not executable");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(surroundings.program("wt-tool-program"), Some(program));
        assert_eq!(surroundings.folders()[0], Path::new("/usr/bin"));
        assert!(!surroundings.folders().contains(&PathBuf::from("relative")));
    }

    #[test]
    fn path_without_the_systems_programs_limits_the_search() {
        let folders = |path: &str| Surroundings::new([("PATH", path)], None).folders();
        assert_eq!(folders("/opt/only"), [Path::new("/opt/only")]);
        assert_eq!(folders("/usr/bin:/bin").last(), Some(&PathBuf::from("/usr/local/bin")), "cron's");
        assert_eq!(folders("").last(), Some(&PathBuf::from("/usr/local/bin")));
    }

    #[test]
    fn no_proxy_is_extended_only_if_a_proxy_is_set() {
        let more = ["10.96.0.0/16".to_owned(), "localhost".to_owned()];
        assert_eq!(Surroundings::new([("NO_PROXY", "localhost")], None).no_proxy_with(&more), None);
        let surroundings =
            Surroundings::new([("https_proxy", "http://proxy:3128"), ("NO_PROXY", "localhost, .corp")], None);
        assert_eq!(surroundings.no_proxy_with(&more).as_deref(), Some("localhost,.corp,10.96.0.0/16"));
    }

    #[test]
    fn values_of_variables_are_not_in_the_debug_text() {
        let secret =
            Surroundings::new([("HTTPS_PROXY", "http://ada:s3cret@proxy")], Some("/home/ada".into()));
        let text = format!("{secret:?}");
        assert_eq!(text, r#"Surroundings { variables: ["HTTPS_PROXY"], home: Some("/home/ada") }"#);
    }

    #[test]
    fn empty_variable_counts_as_unset() {
        let surroundings = Surroundings::new([("DOCKER_CONFIG", "")], Some("/home/ada".into()));
        assert_eq!(surroundings.docker_folder(), Some("/home/ada/.docker".into()));
    }
}
