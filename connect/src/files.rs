//! The files of a user's kubeconfig.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The files of a user's kubeconfig, as kubectl finds them.
#[derive(Debug, PartialEq, Eq)]
pub enum KubeconfigFiles {
    /// These files, whether they exist or not.
    Named(Vec<PathBuf>),
    /// KUBECONFIG has this value, whose entries are all empty. kubectl reads no file then, not even the default one.
    NoneNamed(String),
    /// KUBECONFIG is not set, and there is no home folder with the default file.
    NoHome,
}

impl KubeconfigFiles {
    /// Returns the files that kubectl reads, from the value of KUBECONFIG and the home folder. Relative paths count from
    /// `folder`.
    pub fn of(list: Option<&OsStr>, home: Option<&Path>, folder: &Path) -> Self {
        // An empty variable counts as unset.
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            return home.map_or(Self::NoHome, |home| Self::Named(vec![home.join(".kube/config")]));
        };
        let named = std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty());
        let named: Vec<PathBuf> = named.map(|path| folder.join(path)).collect();
        if named.is_empty() {
            Self::NoneNamed(list.to_string_lossy().into_owned())
        } else {
            Self::Named(named)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_those_of_kubectl() {
        let files = |list: &str, home: Option<&str>| {
            KubeconfigFiles::of(Some(OsStr::new(list)), home.map(Path::new), Path::new("/here"))
        };
        let named = |paths: &[&str]| KubeconfigFiles::Named(paths.iter().map(PathBuf::from).collect());
        assert_eq!(files(":a::/b:", Some("/home/ada")), named(&["/here/a", "/b"]));
        assert_eq!(files("", Some("/home/ada")), named(&["/home/ada/.kube/config"]));
        assert_eq!(files("", None), KubeconfigFiles::NoHome);
        assert_eq!(KubeconfigFiles::of(None, None, Path::new("")), KubeconfigFiles::NoHome);
        for list in [":", ":::"] {
            assert_eq!(files(list, Some("/home/ada")), KubeconfigFiles::NoneNamed(list.to_owned()));
        }
    }
}
