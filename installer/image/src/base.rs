//! The base image of dev servers where no registry is reachable: Debian packages, put together by mmdebstrap.

use std::path::Path;

/// What a developer finds in it.
pub const PACKAGES: [&str; 10] = [
    "bash",
    "coreutils",
    "git",
    "python3",
    "rsync",
    "openssh-client",
    "tmux",
    "curl",
    "procps",
    "ca-certificates",
];

/// Left out when packages are unpacked: read on paper, not in a container. Licences stay.
const LEFT_OUT: [&str; 5] = [
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/lintian/*",
];

/// How a base image is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Debian's or Ubuntu's name of the release, as in `VERSION_CODENAME`.
    pub suite: String,
}

impl Recipe {
    /// The arguments for mmdebstrap that write the root as a tar to `target`. Packages come from `sources`, files
    /// as apt reads them; from Debian's own where there are none.
    pub fn arguments(&self, target: &Path, sources: &[String]) -> Vec<String> {
        let mut args = vec![
            "--variant=minbase".to_owned(),
            "--format=tar".to_owned(),
            format!("--include={}", PACKAGES.join(",")),
            "--aptopt=Apt::Install-Recommends false".to_owned(),
            "--dpkgopt=force-unsafe-io".to_owned(),
        ];
        args.extend(LEFT_OUT.iter().map(|path| format!("--dpkgopt=path-exclude={path}")));
        args.extend([
            "--dpkgopt=path-include=/usr/share/doc/*/copyright".to_owned(),
            "--customize-hook=mkdir -p \"$1/home/dev\"".to_owned(),
            self.suite.clone(),
            target.display().to_string(),
        ]);
        args.extend(sources.iter().cloned());
        args
    }

    /// Everything that decides the content, as text.
    pub(crate) fn describe(&self) -> String {
        format!("{:?}", self.arguments(Path::new("root.tar"), &[]))
    }
}
