//! Converts the errors of programs and engines that devplat calls on this machine, and of registries.

use devplat_tool::{
    debian::DebianError,
    docker::EngineError,
    local::{ClusterError, containerd::ImportError},
    minikube::MinikubeError,
    process,
    registry::RegistryError,
    rlimits::RlimitError,
};

use super::super::{Exit, Failure};

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::NotRunning { .. }
            | EngineError::Forbidden { .. }
            | EngineError::Unreachable { .. }
            | EngineError::Unsupported { .. }
            | EngineError::Address { .. }
            | EngineError::Context { .. }
            | EngineError::PortTaken { .. }
            | EngineError::NoAddressRange { .. } => Exit::Missing,
            EngineError::NoSpace { .. }
            | EngineError::Api { .. }
            | EngineError::Exec { .. }
            | EngineError::Broken { .. } => Exit::PartWay,
            EngineError::Slow { .. } => Exit::of_place(true),
        };
        Self::of(exit, &error).maybe_hint(error.hint())
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let exit = match &error {
            ClusterError::Tool(error) => Exit::of_place(matches!(error, process::Error::Slow { .. })),
            ClusterError::TooOld { .. }
            | ClusterError::PortTaken { .. }
            | ClusterError::Inotify { .. }
            | ClusterError::NodeInotify { .. } => Exit::Missing,
            ClusterError::Config { .. }
            | ClusterError::AlreadyThere { .. }
            | ClusterError::NameTaken { .. } => Exit::Usage,
            ClusterError::Engine { .. }
            | ClusterError::ImageNotPulled { .. }
            | ClusterError::NodeLost { .. }
            | ClusterError::NoSpace { .. }
            | ClusterError::Unexplained { .. }
            | ClusterError::Other { .. } => Exit::PartWay,
        };
        let failure = Self::of(exit, &error).maybe_hint(error.hint());
        match exit {
            Exit::PartWay => failure.hint("run the same command again: it replaces the half-made cluster"),
            Exit::Internal | Exit::Usage | Exit::Missing | Exit::Left => failure,
        }
    }
}

impl From<process::Error> for Failure {
    fn from(error: process::Error) -> Self {
        let exit = match &error {
            process::Error::Absent { .. } | process::Error::Start { .. } => Exit::Missing,
            process::Error::Failed { .. } | process::Error::Slow { .. } | process::Error::TooMuch { .. } => {
                Exit::PartWay
            }
        };
        Self::of(exit, &error).maybe_hint(error.hint())
    }
}

impl From<RlimitError> for Failure {
    fn from(error: RlimitError) -> Self {
        Self::of(Exit::Missing, &error).maybe_hint(error.hint())
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let exit = match &error {
            RegistryError::Reference { .. } => Exit::Usage,
            RegistryError::Unauthorized { .. }
            | RegistryError::Denied { .. }
            | RegistryError::NotFound { .. }
            | RegistryError::Unreachable { .. }
            | RegistryError::Unresolved { .. }
            | RegistryError::Untrusted { .. }
            | RegistryError::SpeaksPlainHttp { .. } => Exit::Missing,
            RegistryError::Credentials { source, .. } => Exit::of_place(source.is_silent()),
            RegistryError::Silent { .. } => Exit::of_place(true),
            RegistryError::NoSpace { .. }
            | RegistryError::Failing { .. }
            | RegistryError::Store { .. }
            | RegistryError::Other { .. } => Exit::PartWay,
        };
        Self::of(exit, &error).maybe_hint(error.hint())
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::of(Exit::PartWay, &error).maybe_hint(error.hint())
    }
}

impl From<DebianError> for Failure {
    fn from(error: DebianError) -> Self {
        Self::of(Exit::Missing, &error).maybe_hint(error.hint())
    }
}

impl From<MinikubeError> for Failure {
    fn from(error: MinikubeError) -> Self {
        Self::of(Exit::Missing, &error).maybe_hint(error.hint())
    }
}
