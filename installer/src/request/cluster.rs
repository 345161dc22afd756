//! The cluster that the user names, and the configuration files of local clusters.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_kubernetes::{
    context::{self, Context},
    kubeconfig,
};
use devplat_profile::Cluster;
use kube::config::Kubeconfig;

use crate::{
    context::NamedCluster,
    failure::{Exit, Failure},
    host::Host,
    state::Decisions,
};

/// Reads the user's kubeconfig from the same files as kubectl; an empty one if there are none.
pub(super) fn user_kubeconfig(host: &Host) -> Result<Kubeconfig, Failure> {
    Ok(kubeconfig::load(&files(host))?)
}

/// Returns the files of the user's kubeconfig, whether they exist or not.
fn files(host: &Host) -> Vec<PathBuf> {
    match host.surroundings.get("KUBECONFIG") {
        Some(list) => std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| host.folder.join(path))
            .collect(),
        None => host.surroundings.home.iter().map(|home| home.join(".kube/config")).collect(),
    }
}

/// Returns the cluster of the context with this name. Fails without a name: the current context is never used. `instead`
/// is the command line that creates a cluster, if the verb can use a new one.
pub(super) fn named(
    name: Option<String>,
    instead: Option<&str>,
    host: &Host,
) -> Result<NamedCluster, Failure> {
    let kubeconfig = user_kubeconfig(host)?;
    if kubeconfig.contexts.is_empty() {
        let instead = instead.map(|line| format!("`{line}` creates a cluster on this machine instead"));
        return Err(no_contexts(name.as_deref(), &files(host)).maybe_hint(instead));
    }
    let found = match name {
        Some(name) => context::find(&kubeconfig, Some(&name))?,
        None => None,
    };
    match found {
        Some(context) => Ok(NamedCluster { context, kubeconfig: Arc::new(kubeconfig) }),
        None => {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
            Err(Failure::new(Exit::Usage, "no cluster is named")
                .hint(format!("name its context with --context; there are: {}", known.join(", "))))
        }
    }
}

/// Returns the failure for a kubeconfig without contexts, with the files that were read.
fn no_contexts(name: Option<&str>, files: &[PathBuf]) -> Failure {
    let why = match name {
        Some(name) => format!("there is no context {name:?}: the kubeconfig has no contexts"),
        None => "no cluster is named, and the kubeconfig has no contexts".to_owned(),
    };
    let mut failure = Failure::new(Exit::Usage, why);
    failure.causes = files
        .iter()
        .map(|file| {
            let problem = if file.exists() { "has no contexts" } else { "does not exist" };
            format!("{} {problem}", file.display())
        })
        .collect();
    if files.is_empty() {
        failure.causes.push("KUBECONFIG names no file, and there is no home folder".to_owned());
    }
    failure.hint("name the file that has the context: KUBECONFIG=FILE, or copy it to ~/.kube/config")
}

/// Returns the current context, if there is one.
pub(super) fn current(host: &Host) -> Result<Option<Context>, Failure> {
    Ok(context::find(&user_kubeconfig(host)?, None)?)
}

/// Reads the configuration file that the profile names for kind or k3d. If the file is gone, uses the remembered text.
pub(super) fn config_file(
    cluster: &Cluster,
    before: &Decisions,
    host: &Host,
) -> Result<Option<(PathBuf, String)>, Failure> {
    let path = cluster.local().and_then(|local| local.config_file).map(Path::to_owned);
    let Some(path) = path else { return Ok(None) };
    let known = before.config_file.as_ref().filter(|known| known.path == path);
    match (std::fs::read_to_string(&path), known) {
        (Ok(text), _) => Ok(Some((path, text))),
        (Err(error), Some(known)) if error.kind() == std::io::ErrorKind::NotFound => {
            let remark =
                format!("configFile {} no longer exists: using its text of the last `up`", path.display());
            host.ui.remark(&remark);
            Ok(Some((path, known.text.clone())))
        }
        (Err(error), _) => Err(Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read {}, which the profile names as configFile", path.display()))
            .hint("a relative path counts from the folder of the profile")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeconfig_without_contexts_is_reported_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, absent) = (folder.path().join("empty"), folder.path().join("absent"));
        std::fs::write(&empty, "").unwrap();
        let failure = no_contexts(Some("prod"), &[empty.clone(), absent.clone()]);
        assert_eq!(failure.message, r#"there is no context "prod": the kubeconfig has no contexts"#);
        let causes =
            [format!("{} has no contexts", empty.display()), format!("{} does not exist", absent.display())];
        assert_eq!(failure.causes, causes);
        assert!(failure.hints[0].contains("KUBECONFIG=FILE"), "{failure:?}");
        let failure = no_contexts(None, &[]);
        assert_eq!(failure.message, "no cluster is named, and the kubeconfig has no contexts");
        assert_eq!(failure.causes, ["KUBECONFIG names no file, and there is no home folder"]);
    }
}
