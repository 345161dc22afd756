//! The environment of a run: variables, folders, requests to stop, the clock and the output. `main` takes it from the
//! operating system; tests create their own and drive a whole run in-process.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_kubernetes::connect::Plugins;
use devplat_tool::{Surroundings, local::Account};

use crate::{
    failure::{Exit, Failure},
    long_wait,
    platform_context::{Now, Stop},
    stdin::{Input, apart},
    text_file::{self, NoText},
    ui::{Confirmation, Ui},
};

/// The environment of a run.
#[derive(Clone)]
pub struct Host {
    /// Variables and home folder.
    pub surroundings: Surroundings,
    /// The working folder.
    pub folder: PathBuf,
    /// The account of this machine.
    pub account: Account,
    /// The user's requests to stop.
    pub stop: Stop,
    /// The time, for the journal and for the validity of credentials.
    pub now: Now,
    /// Standard input.
    pub stdin: Input,
    /// The receiver of output.
    pub ui: Ui,
    /// The folder with devplat's own programs, which go into its images.
    pub programs: PathBuf,
    /// Runs the credential plugins of kubeconfigs.
    pub plugins: Arc<dyn Plugins>,
}

impl Host {
    /// Returns the environment of this process.
    pub fn own(surroundings: Surroundings, ui: Ui) -> Result<Self, Failure> {
        let folder = std::env::current_dir().map_err(|error| {
            Failure::of(Exit::Missing, &error)
                .while_doing("cannot find the working folder")
                .hint("change to another folder")
        })?;
        let plugins =
            Arc::new(crate::plugins::PluginPrograms { surroundings: surroundings.clone(), ui: ui.clone() });
        Ok(Self {
            surroundings,
            folder,
            account: own_account(),
            stop: Stop::default(),
            now: Arc::new(jiff::Timestamp::now),
            stdin: Input::Process,
            ui,
            programs: crate::platform::programs::own_folder()?,
            plugins,
        })
    }

    /// Runs `work` until the user asks to stop, for work that can be interrupted at any moment.
    pub async fn or_stopped<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.stop.until_asked() => Err(Failure::stopped()),
            outcome = work => outcome,
        }
    }

    /// Asks a yes-or-no question. Fails unless the answer is yes: with `no` after another answer, and with `no_terminal`
    /// if there is no terminal to ask at.
    pub fn choose(
        &self,
        question: &str,
        no: impl FnOnce() -> Failure,
        no_terminal: impl FnOnce() -> Failure,
    ) -> Result<(), Failure> {
        match self.ui.confirm(question, &|| self.stop.asked()) {
            Confirmation::Yes => Ok(()),
            Confirmation::No => Err(no()),
            Confirmation::NoTerminal => Err(no_terminal()),
            Confirmation::Stopped => Err(Failure::stopped()),
        }
    }

    /// Returns the result of `read` of `what`, which may wait for another program. Fails if the user asks to stop before it ends.
    pub fn read_until_stopped<T: Send + 'static>(
        &self,
        what: &str,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        apart(read, &|| self.stop.asked(), &|| self.remark_wait(what)).ok_or_else(Failure::stopped)
    }

    /// Reads a file that the user names, which may be a pipe. The outer error is a request to stop.
    pub fn text_of(&self, path: &Path, most: u64) -> Result<Result<String, NoText>, Failure> {
        let (what, path) = (path.display().to_string(), path.to_owned());
        self.read_until_stopped(&what, move || text_file::read(&path, most))
    }

    /// Reports what is waited for: a pipe without a writer would look like a hang.
    fn remark_wait(&self, what: &str) {
        self.ui.remark(&long_wait::first(what));
    }

    /// Reads standard input to its end. Fails if it has more than `most` bytes.
    pub fn standard_input(&self, most: u64) -> Result<String, Failure> {
        let waiting = || self.remark_wait("standard input");
        let text = self.stdin.text(most, &|| self.stop.asked(), &waiting).ok_or_else(Failure::stopped)?;
        text.map_err(|why| {
            Failure::new(Exit::Usage, format!("cannot read standard input: {why}"))
                .hint("name a file in place of the input")
        })
    }

    /// The folder below which each platform has its state folder.
    pub fn state_base(&self) -> Result<PathBuf, Failure> {
        self.base("DEVPLAT_STATE_DIR", "XDG_STATE_HOME", ".local/state")
    }

    /// The folder for images and downloads, kept between runs.
    pub fn cache(&self) -> Result<PathBuf, Failure> {
        self.base("DEVPLAT_CACHE_DIR", "XDG_CACHE_HOME", ".cache")
    }

    /// Returns the folder in the variable `own`; else `devplat` below the folder in `xdg`, if that is absolute, as the
    /// XDG specification requires; else `devplat` below `usual` in the home folder.
    fn base(&self, own: &str, xdg: &str, usual: &str) -> Result<PathBuf, Failure> {
        if let Some(folder) = self.surroundings.get(own) {
            return Ok(self.folder.join(folder));
        }
        let below = self.surroundings.get(xdg).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let below = below.or_else(|| self.surroundings.home.as_ref().map(|home| home.join(usual)));
        below.map(|below| below.join("devplat")).ok_or_else(|| {
            Failure::new(Exit::Missing, "there is no home folder")
                .hint("set HOME, or DEVPLAT_STATE_DIR and DEVPLAT_CACHE_DIR")
        })
    }

    /// Returns the variables that may set values of the profile. Other variables are not devplat's and are not checked.
    pub fn profile_variables(&self) -> Result<Vec<(String, String)>, Failure> {
        let all = self.surroundings.variables.iter();
        all.map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, _)| name.starts_with("DEVPLAT_") && name != "DEVPLAT_LOG")
            .map(|(name, value)| text(name, value))
            .collect()
    }
}

fn text(name: String, value: &OsString) -> Result<(String, String), Failure> {
    match value.to_str() {
        Some(value) => Ok((name, value.to_owned())),
        // The linked container may have any value.
        None if devplat_profile::is_of_docker_link(&name, "") => {
            Ok((name, value.to_string_lossy().into_owned()))
        }
        None => Err(Failure::new(Exit::Usage, format!("the value of ${name} is not UTF-8"))
            .hint(format!("set {name} to another value, or `unset {name}`"))),
    }
}

/// Returns the variables and the home folder of this process.
pub fn own_surroundings() -> Surroundings {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    Surroundings::new(std::env::vars_os(), home)
}

fn own_account() -> Account {
    let uid = rustix::process::geteuid().as_raw();
    Account { uid, name: devplat_tool::owner::account_name(uid) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn host(variables: &[(&[u8], &[u8])]) -> Host {
        let variables = variables
            .iter()
            .map(|(name, value)| (OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())));
        Host {
            surroundings: Surroundings::new(variables, Some("/home/ada".into())),
            folder: "/somewhere".into(),
            account: own_account(),
            stop: Stop::default(),
            now: Arc::new(jiff::Timestamp::now),
            stdin: Input::Process,
            ui: Ui::recording(),
            programs: "/usr/lib/devplat".into(),
            plugins: Arc::new(devplat_kubernetes::connect::NoPlugins),
        }
    }

    #[test]
    fn variables_of_others_are_not_checked() {
        let host = host(&[
            (b"GREETING", b"caf\xe9"),
            (b"caf\xe9", b"x"),
            (b"DEVPLAT_LOG", b"caf\xe9"),
            (b"DEVPLAT_ENV_GREETING", b"caf\xe9"),
            (b"DEVPLAT_OPERATOR_REPLICAS", b"1"),
        ]);
        let expected = [("DEVPLAT_ENV_GREETING", "caf\u{fffd}"), ("DEVPLAT_OPERATOR_REPLICAS", "1")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(host.profile_variables(), Ok(expected));
    }

    #[test]
    fn variable_of_devplat_that_is_not_utf_8_is_named() {
        let failure = host(&[(b"DEVPLAT_DEV_SERVERS_IMAGE", b"caf\xe9")]).profile_variables().unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert_eq!(failure.message, "the value of $DEVPLAT_DEV_SERVERS_IMAGE is not UTF-8");
        assert!(!failure.hints.is_empty());
    }

    #[test]
    fn folders_follow_the_variables() {
        let base = |variables: &[(&[u8], &[u8])]| host(variables).state_base().unwrap();
        assert_eq!(base(&[]), PathBuf::from("/home/ada/.local/state/devplat"));
        assert_eq!(base(&[(b"XDG_STATE_HOME", b"/var/state")]), PathBuf::from("/var/state/devplat"));
        assert_eq!(
            base(&[(b"XDG_STATE_HOME", b"relative")]),
            PathBuf::from("/home/ada/.local/state/devplat")
        );
        assert_eq!(base(&[(b"DEVPLAT_STATE_DIR", b"here")]), PathBuf::from("/somewhere/here"));
    }
}
