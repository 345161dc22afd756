//! The base image of dev servers if no registry is reachable: Debian packages, installed by mmdebstrap.

use std::path::Path;

/// The packages in it.
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

/// Paths that are not unpacked: documentation and translations, which containers do not need. Licences stay.
const LEFT_OUT: [&str; 5] = [
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/doc/*",
    "/usr/share/lintian/*",
];

/// The input of a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Debian's or Ubuntu's name of the release, as in `VERSION_CODENAME`.
    pub suite: String,
}

impl Recipe {
    /// Returns the arguments for mmdebstrap that write the root as a tar to `target`. Packages come from `sources`,
    /// which are files in apt's format; from Debian's own archive if there are none.
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

    /// Returns all inputs that decide the content, as text.
    pub(crate) fn describe(&self) -> String {
        format!("{:?}", self.arguments(Path::new("root.tar"), &[]))
    }
}
