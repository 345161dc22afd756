//! Converts typed errors into failures with exit status and hints. All conversions are in this folder, so that an error has the
//! same text in every verb. They read no file: an error has all that its text needs when it is made, but for
//! the command lines in its remedies, which the caller brings.

mod aws;
mod tools;

use std::ffi::OsStr;

use super::{Cause, Exit, Failure};
use crate::{
    journal,
    state::{DECISIONS_FILE, SSH_FOLDER, StateError, StoreError, remedy},
};
use devplat_kubernetes::{
    CallError, CommandLines, Stopped,
    bastion::RouteError,
    context::ContextError,
    kubeconfig::KubeconfigError,
    proof::ProofError,
    release::{ReleaseError, RemoveError},
};

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let StoreError { error, owned } = error;
        let failure = Self::of(Exit::PartWay, &error);
        let failure = match owned {
            Some(owned) => Self { causes: vec![owned.to_string()], ..failure.with_hints(owned.hints()) },
            None => failure.hint(error.hint()),
        };
        failure.hint("or name another folder in DEVPLAT_CACHE_DIR; then run the same command")
    }
}

impl From<devplat_image::ArchiveError> for Failure {
    fn from(error: devplat_image::ArchiveError) -> Self {
        let hint = match &error {
            devplat_image::ArchiveError::Blob { .. } | devplat_image::ArchiveError::Damaged { .. } => {
                "run the same command again: it assembles the image again"
            }
            devplat_image::ArchiveError::Write(_) => {
                "free some space where temporary files go (TMPDIR), then run the same command"
            }
        };
        Self::of(Exit::PartWay, &error).hint(hint)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of(Exit::PartWay, &error)
            .hint("free some space where temporary files go (TMPDIR), then run the same command")
    }
}

impl From<devplat_render::Error> for Failure {
    fn from(error: devplat_render::Error) -> Self {
        Self::of(Exit::Usage, &error).maybe_hint(error.hint())
    }
}

impl From<journal::Error> for Failure {
    fn from(error: journal::Error) -> Self {
        match &error {
            journal::Error::Newer { .. } => Self::of(Exit::Usage, &error)
                .hint("use the newer devplat, or delete the journal: devplat finds the created resources without it"),
            journal::Error::Damaged { path, .. } => Self::of(Exit::Usage, &error)
                .hint(format!("delete {}: devplat finds the created resources without it", path.display())),
            journal::Error::Gone { gone: _, left } => {
                let has = |name: &str| left.contains(OsStr::new(name));
                let of_values = "repeat --profile and --set, which were remembered there";
                let of_keys = "generated keys of users are created again";
                Self::of(Exit::PartWay, &error)
                    .hint("no further change was begun, and the created resources stand: the same command finds them by their marks")
                    .maybe_hint((!has(DECISIONS_FILE)).then(|| of_values.to_owned()))
                    .maybe_hint((!has(SSH_FOLDER)).then(|| of_keys.to_owned()))
            }
            journal::Error::Io { path, source, verb: _ } => {
                Self::of(Exit::Missing, &error).hint(remedy(path, source))
            }
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let exit = match &error {
            StateError::Io { .. } | StateError::OtherOwner { .. } => Exit::Missing,
            StateError::Damaged { .. } | StateError::OtherVersion { .. } | StateError::Held(_) => Exit::Usage,
        };
        Self::of(exit, &error).with_hints(error.hints())
    }
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::stopped()
    }
}

impl From<KubeconfigError> for Failure {
    fn from(error: KubeconfigError) -> Self {
        Self::of(Exit::Usage, &error).hint(error.hint())
    }
}

impl From<devplat_kubernetes::Error> for Failure {
    fn from(error: devplat_kubernetes::Error) -> Self {
        match error {
            devplat_kubernetes::Error::Call(error) => error.into(),
            devplat_kubernetes::Error::Stopped(stopped) => stopped.into(),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let cause = if error.is_login() { Cause::Login } else { Cause::Other };
        let failure = Self::of(Exit::PartWay, &error).with_hints(error.hints());
        Self { cause, ..failure }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        let exit = match &error {
            ContextError::Stopped(_) => return Self::stopped(),
            ContextError::Entry(_) => Exit::Usage,
            ContextError::Credentials { .. } | ContextError::Unreachable { .. } => {
                Exit::of_place(error.is_silent())
            }
            ContextError::Untrusted { .. }
            | ContextError::Unusable { .. }
            | ContextError::Unauthorized { .. }
            | ContextError::Forbidden { .. }
            | ContextError::Version { .. }
            | ContextError::Architecture { .. } => Exit::Missing,
        };
        let cause = if error.is_login() { Cause::Login } else { Cause::Other };
        let failure = Self::of(exit, &error).with_hints(error.hints());
        Self { cause, ..failure }
    }
}

impl From<RouteError> for Failure {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Stopped(_) => Self::stopped(),
            RouteError::Call(error) => error.into(),
            RouteError::Connect { .. } | RouteError::NoPod => Self::of(Exit::PartWay, &error)
                .hint("the status of the platform lists the parts that are not ready"),
        }
    }
}

impl Failure {
    /// Converts the error of an applied release.
    pub(crate) fn of_release(error: &ReleaseError, lines: &CommandLines) -> Self {
        let exit = match error {
            ReleaseError::Stopped(_) => return Self::stopped(),
            ReleaseError::Foreign(_) => Exit::Usage,
            ReleaseError::Call(_)
            | ReleaseError::NotReady(_)
            | ReleaseError::NodePort(_)
            | ReleaseError::Refused { .. } => Exit::PartWay,
        };
        Self::of(exit, error).with_hints(error.hints(lines))
    }

    /// Converts the error of a deletion.
    pub(crate) fn of_removal(error: RemoveError, lines: &CommandLines) -> Self {
        match error {
            RemoveError::Stopped(_) => Self::stopped(),
            RemoveError::Call(error) => error.into(),
            RemoveError::Data(_) => Self::of(Exit::Usage, &error).hint("to delete it, add --lose-data"),
            RemoveError::NotGone(ref not_gone) => Self::of(Exit::PartWay, &error)
                .with_hints(not_gone.hints(lines))
                .hint("run the same command again"),
        }
    }

    /// Converts the error of a proof.
    pub(crate) fn of_proof(error: &ProofError, lines: &CommandLines) -> Self {
        if matches!(error, ProofError::Stopped(_)) {
            return Self::stopped();
        }
        Self::of(Exit::PartWay, error).with_hints(error.hints(lines))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_kubernetes::{
        call::{ConnectionCause, ConnectionError},
        connect::{CredentialError, PluginError},
    };
    use devplat_tool::{
        docker::EngineError,
        local::ClusterError,
        process,
        registry::{CredentialsError, RegistryError},
    };

    use super::*;

    #[test]
    fn lost_journal_asks_only_for_lost_values() {
        let hints = |left: &[&str]| {
            let left = left.iter().map(Into::into).collect();
            Failure::from(journal::Error::Gone { gone: "/state/a".into(), left }).hints
        };
        assert_eq!(hints(&["decisions.json", "ssh", "lock"]).len(), 1, "only the journal is gone");
        let all = hints(&[]);
        assert!(all[1].contains("repeat --profile and --set"), "{all:?}");
        assert!(all[2].contains("keys of users are created again"), "{all:?}");
        assert_eq!(hints(&["decisions.json"])[1], all[2]);
    }

    #[test]
    fn store_of_another_account_is_reported_with_its_owner() {
        let error = devplat_image::Error::Unreadable {
            name: devplat_image::ImageName::Agent,
            path: "/cache/images/record".into(),
            source: std::io::ErrorKind::PermissionDenied.into(),
        };
        let owned = StateError::OtherOwner { path: "/cache".into(), owner: "root".to_owned() };
        let failure = Failure::from(StoreError { error, owned: Some(owned) });
        assert_eq!(failure.causes, ["/cache belongs to root"]);
        assert!(failure.hints[0].contains("`sudo chown -R \"$USER\" /cache`"), "{:?}", failure.hints);
    }

    #[test]
    fn silent_place_has_another_status_than_an_unusable_one() {
        let after = Duration::from_secs(8);
        let context = |silent: bool| {
            let cause = if silent {
                ConnectionCause::Slow(after)
            } else {
                ConnectionCause::Broken(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into())
            };
            let source = Box::new(ConnectionError { server: None, proxy: None, cause });
            Failure::from(ContextError::Unreachable { name: "a".to_owned(), server: "b".to_owned(), source })
        };
        let plugin = |error: PluginError| {
            let source = CredentialError::Plugin(error);
            Failure::from(ContextError::Credentials { name: "a".to_owned(), source })
        };
        let program = || "p".to_owned();
        let registry = || "r".to_owned();
        let absent = || process::Error::Absent { program: program(), path: String::new() };
        let credentials = |error| {
            Failure::from(RegistryError::Credentials { registry: registry(), source: Box::new(error) })
        };
        let endpoint = "unix:///d".to_owned();
        let source = std::io::ErrorKind::ConnectionRefused.into();
        for (what, unusable, silent) in [
            (
                "engine",
                EngineError::NotRunning { endpoint, source }.into(),
                EngineError::Slow { doing: String::new(), seconds: 5 }.into(),
            ),
            ("API server", context(false), context(true)),
            (
                "credential plugin",
                plugin(PluginError::Absent { program: program(), install_hint: None }),
                plugin(PluginError::Slow { program: program(), after }),
            ),
            (
                "registry",
                RegistryError::SpeaksPlainHttp { registry: registry() }.into(),
                RegistryError::Silent { registry: registry(), after }.into(),
            ),
            (
                "credential helper",
                credentials(CredentialsError::HelperAbsent {
                    program: program(),
                    path: "/config.json".into(),
                    source: absent(),
                }),
                credentials(CredentialsError::HelperSlow { program: program() }),
            ),
            (
                "kind",
                ClusterError::Tool(absent()).into(),
                ClusterError::Tool(process::Error::Slow {
                    line: program(),
                    limit: after,
                    said: String::new(),
                })
                .into(),
            ),
        ] {
            let (unusable, silent): (Failure, Failure) = (unusable, silent);
            assert_eq!((unusable.exit, silent.exit), (Exit::Missing, Exit::PartWay), "{what}");
        }
    }
}
