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
    let files: Vec<PathBuf> = match host.surroundings.get("KUBECONFIG") {
        Some(list) => std::env::split_paths(list)
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| host.folder.join(path))
            .collect(),
        None => host.surroundings.home.iter().map(|home| home.join(".kube/config")).collect(),
    };
    Ok(kubeconfig::load(&files)?)
}

/// Returns the cluster of the context with this name. Fails without a name: the current context is never used.
pub(super) fn named(name: Option<String>, host: &Host) -> Result<NamedCluster, Failure> {
    let kubeconfig = user_kubeconfig(host)?;
    let found = match name {
        Some(name) => context::find(&kubeconfig, Some(&name))?,
        None => None,
    };
    match found {
        Some(context) => Ok(NamedCluster { context, kubeconfig: Arc::new(kubeconfig) }),
        None => {
            let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
            let hint = if known.is_empty() {
                "name its context with --context; your kubeconfig has none".to_owned()
            } else {
                format!("name its context with --context; there are: {}", known.join(", "))
            };
            Err(Failure::new(Exit::Usage, "no cluster is named").hint(hint))
        }
    }
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
