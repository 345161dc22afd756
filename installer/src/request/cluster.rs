//! The cluster that the user names, and the configuration files of local clusters.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_kubernetes::{
    connect::KubeconfigFiles,
    context::{self, Context},
    kubeconfig,
};
use devplat_profile::Cluster;
use kube::config::Kubeconfig;

use super::refusal::LONGEST;
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::NamedCluster,
    state::Decisions,
    text_file::NoText,
};

/// Reads the user's kubeconfig from the same files as kubectl; an empty one if there are none.
pub(super) fn user_kubeconfig(host: &Host) -> Result<Kubeconfig, Failure> {
    let files = files(host);
    Ok(host.read_until_stopped("the kubeconfig", move || kubeconfig::load(paths(&files)))??)
}

/// Returns the files of the user's kubeconfig. Relative paths count from the folder of the call.
fn files(host: &Host) -> KubeconfigFiles {
    let surroundings = &host.surroundings;
    KubeconfigFiles::of(surroundings.get("KUBECONFIG"), surroundings.home.as_deref(), &host.folder)
}

fn paths(files: &KubeconfigFiles) -> &[PathBuf] {
    match files {
        KubeconfigFiles::Named(paths) => paths,
        KubeconfigFiles::NoneNamed(_) | KubeconfigFiles::NoHome => &[],
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
        None => Err(unnamed(&kubeconfig, host)),
    }
}

/// Returns the failure for a cluster that no name leads to, with the contexts that the kubeconfig has.
pub(super) fn unnamed(kubeconfig: &Kubeconfig, host: &Host) -> Failure {
    if kubeconfig.contexts.is_empty() {
        return no_contexts(None, &files(host));
    }
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    Failure::new(Exit::Usage, "no cluster is named")
        .hint(format!("name its context with --context; there are: {}", known.join(", ")))
}

/// Returns the failure for a kubeconfig without contexts, with the files that were read.
fn no_contexts(name: Option<&str>, files: &KubeconfigFiles) -> Failure {
    let why = match name {
        Some(name) => format!("there is no context {name:?}: the kubeconfig has no contexts"),
        None => "no cluster is named, and the kubeconfig has no contexts".to_owned(),
    };
    let (causes, or): (Vec<String>, &str) = match files {
        KubeconfigFiles::Named(paths) => {
            let cause = |path: &PathBuf| {
                let problem = if path.exists() { "has no contexts" } else { "does not exist" };
                format!("{} {problem}", path.display())
            };
            (paths.iter().map(cause).collect(), "copy it to ~/.kube/config")
        }
        KubeconfigFiles::NoneNamed(list) => (
            vec![format!("KUBECONFIG is {list:?}, which names no file")],
            "`unset KUBECONFIG` to use ~/.kube/config",
        ),
        KubeconfigFiles::NoHome => {
            (vec!["KUBECONFIG is not set, and there is no home folder".to_owned()], "set HOME")
        }
    };
    let failure = Failure { causes, ..Failure::new(Exit::Usage, why) };
    failure.hint(format!("name the file that has the context: KUBECONFIG=FILE, or {or}"))
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
    match (host.text_of(&path, LONGEST)?, known) {
        (Ok(text), _) => Ok(Some((path, text))),
        (Err(NoText::Absent), Some(known)) => {
            let remark =
                format!("configFile {} no longer exists: using its text of the last `up`", path.display());
            host.ui.remark(&remark);
            Ok(Some((path, known.text.clone())))
        }
        (Err(error), _) => Err(Failure::of(Exit::Usage, &error)
            .while_doing(format!("cannot read {}, which the profile names as configFile", path.display()))
            .maybe_hint(error.hint())
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
        let files = KubeconfigFiles::Named(vec![empty.clone(), absent.clone()]);
        let failure = no_contexts(Some("prod"), &files);
        assert_eq!(failure.message, r#"there is no context "prod": the kubeconfig has no contexts"#);
        let causes =
            [format!("{} has no contexts", empty.display()), format!("{} does not exist", absent.display())];
        assert_eq!(failure.causes, causes);
        assert!(failure.hints[0].contains("KUBECONFIG=FILE"), "{failure:?}");
        let failure = no_contexts(None, &KubeconfigFiles::NoHome);
        assert_eq!(failure.message, "no cluster is named, and the kubeconfig has no contexts");
        assert_eq!(failure.causes, ["KUBECONFIG is not set, and there is no home folder"]);
    }

    #[test]
    fn list_without_a_file_is_reported_with_its_variable() {
        let failure = no_contexts(None, &KubeconfigFiles::NoneNamed("::".to_owned()));
        assert_eq!(failure.causes, [r#"KUBECONFIG is "::", which names no file"#]);
        assert!(failure.hints[0].contains("`unset KUBECONFIG`"), "{failure:?}");
    }
}
