//! The way to an API server: what the bastion says of it, or the user's kubeconfig with the proxies of the environment.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_connect::{Entry, KubeconfigFiles, NoPlugins, Plugins, ProxyRules, kubeconfig};
use kube::config::{AuthInfo, Cluster};

use super::Trouble;
use crate::{place::Bastion, process::Programs, settings::Settings};

/// The way to an API server.
pub(super) struct Access {
    pub(super) entry: Entry,
    pub(super) proxies: ProxyRules,
    pub(super) plugins: Arc<dyn Plugins>,
}

/// The cluster around the bastion is reached without a proxy and without a plugin.
pub(super) fn of_bastion(bastion: &Bastion) -> Access {
    let cluster = Cluster {
        server: Some(bastion.server.clone()),
        certificate_authority: bastion.authority.as_ref().map(|path| path.display().to_string()),
        ..Cluster::default()
    };
    let user = AuthInfo { token: Some(bastion.token.0.clone().into()), ..AuthInfo::default() };
    let (context, namespace) = ("bastion".to_owned(), Some(bastion.namespace.clone()));
    let entry = Entry { context, cluster, user, namespace };
    Access { entry, proxies: ProxyRules::default(), plugins: Arc::new(NoPlugins) }
}

/// The context that is set, or the current one of the kubeconfig that kubectl reads.
pub(super) fn of_kubeconfig(settings: &Settings) -> Result<Access, Trouble> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let list = std::env::var_os("KUBECONFIG");
    let files = KubeconfigFiles::of(list.as_deref(), home.as_deref(), Path::new(""));
    let proxies = ProxyRules::from_variables(std::env::vars_os());
    Ok(Access { entry: entry(settings, files)?, proxies, plugins: Arc::new(Programs) })
}

fn entry(settings: &Settings, files: KubeconfigFiles) -> Result<Entry, Trouble> {
    let files = match files {
        KubeconfigFiles::Named(files) => files,
        KubeconfigFiles::NoneNamed(_) => return Err(Trouble::NoFile),
        KubeconfigFiles::NoHome => return Err(Trouble::NoHome),
    };
    let kubeconfig = kubeconfig::load(&files)?;
    let set = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let Some(name) = set(&settings.context).or_else(|| set(&kubeconfig.current_context)) else {
        return Err(Trouble::NoContext { files });
    };
    let mut entry = Entry::of(&kubeconfig, &name)?;
    if let Some(namespace) = &settings.namespace {
        entry.namespace = Some(namespace.clone());
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KUBECONFIG: &str = "clusters: [{name: c, cluster: {server: 'https://a'}}]\ncurrent-context: one\n\
                              contexts: [{name: one, context: {cluster: c, namespace: n}}, {name: two, context: {cluster: c}}]\n";

    fn found(settings: &Settings, text: &str) -> Result<Entry, Trouble> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig");
        fs::write(&file, text).unwrap();
        entry(settings, KubeconfigFiles::Named(vec![folder.path().join("missing"), file]))
    }

    #[test]
    fn settings_go_before_the_kubeconfig() {
        let namespace = |settings: &Settings| found(settings, KUBECONFIG).unwrap().namespace;
        assert_eq!(namespace(&Settings::default()).as_deref(), Some("n"));
        let two = Settings { context: Some("two".to_owned()), ..Settings::default() };
        assert_eq!(namespace(&two), None);
        let other = Settings { namespace: Some("other".to_owned()), ..two };
        assert_eq!(namespace(&other).as_deref(), Some("other"));
        // A variable that is set to nothing sets nothing.
        let nothing = Settings { context: Some(String::new()), ..Settings::default() };
        assert_eq!(namespace(&nothing).as_deref(), Some("n"));
    }

    #[test]
    fn kubeconfig_without_a_context_to_use_is_reported() {
        let empty = found(&Settings::default(), "").err().unwrap();
        assert!(matches!(empty, Trouble::NoContext { .. }), "{empty:?}");
        let none = entry(&Settings::default(), KubeconfigFiles::NoHome).err().unwrap();
        assert!(matches!(none, Trouble::NoHome), "{none:?}");
        let absent = Settings { context: Some("on".to_owned()), ..Settings::default() };
        assert!(matches!(found(&absent, KUBECONFIG).err().unwrap(), Trouble::Entry(_)));
        assert!(matches!(found(&Settings::default(), "a: [").err().unwrap(), Trouble::Kubeconfig(_)));
    }
}
