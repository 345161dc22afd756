//! Finds or proposes a profile if the user names none.

use devplat_profile::PlatformName;
use devplat_tool::{
    docker::Container,
    local::{Maker, Mark},
};

use super::{Asked, Run, cluster, engine::once_connected};
use crate::{
    failure::{Exit, Failure},
    host::Host,
};

/// Returns the profile of a run that neither names nor remembers one: that of the platform's cluster, which stands
/// without its state folder, else a proposed one. Returns `None` for every other run.
pub(super) async fn profile(run: &mut Run<'_>) -> Result<Option<String>, Failure> {
    let (asked, host) = (run.asked, run.host);
    if asked.profile.is_some() || run.decisions.profile.is_some() {
        return Ok(None);
    }
    if asked.context.is_some() {
        return Ok(Some("existing".to_owned()));
    }
    if let Some(maker) = maker_of(&asked.platform(), run).await {
        let (name, maker) = (asked.platform(), maker.name());
        host.ui.remark(&format!("found the {maker} cluster of platform {name}: using profile {maker}"));
        return Ok(Some(maker.to_owned()));
    }
    propose(asked, host).map(Some)
}

/// Returns the program that created the platform's cluster in the Docker engine of this machine; `None` if there is no
/// cluster, or more than one, or the engine does not answer: the run itself reports that.
async fn maker_of(platform: &PlatformName, run: &mut Run<'_>) -> Option<Maker> {
    let engine = once_connected(run.engine.take(), run.host).await.ok()?;
    run.engine = Some(engine.clone());
    let marked = |node: &Container| Mark::of_node(node).is_some_and(|mark| *platform == *mark.platform);
    let mut found = Vec::new();
    for maker in Maker::ALL {
        let nodes = maker.nodes(&engine, platform.as_str()).await.ok()?;
        if !nodes.is_empty() && nodes.iter().all(marked) {
            found.push(maker);
        }
    }
    match found.as_slice() {
        [only] => Some(*only),
        [..] => None,
    }
}

/// Returns the proposed profile. An existing cluster is never used unless the user names it.
fn propose(asked: &Asked, host: &Host) -> Result<String, Failure> {
    let Some(context) = cluster::current(host)? else {
        host.ui.remark("no profile is named and the kubeconfig names no cluster: using profile kind");
        return Ok("kind".to_owned());
    };
    let found = format!("your current context {:?} is a {}", context.name, context.guess);
    let with = |profile: &str, context: Option<&str>| {
        let (profile, context) = (Some(profile.to_owned()), context.map(str::to_owned));
        Asked { profile, context, ..asked.clone() }.again("up")
    };
    let named = format!("`{}` installs into it", with("existing", Some(&context.name)));
    let no = || Failure::new(Exit::Usage, "no profile is chosen").hint(named.clone());
    let no_terminal = || {
        let why = if asked.yes {
            format!("{found}; --yes does not choose between it and a new one")
        } else {
            format!("{found}; no profile is named")
        };
        Failure::new(Exit::Usage, why)
            .hint(format!("`{}` creates a new cluster; so does --profile k3d", with("kind", None)))
            .hint(named.clone())
    };
    let question = format!("{found}; leave it unchanged and create a new cluster with kind?");
    host.choose(&question, no, no_terminal)?;
    Ok("kind".to_owned())
}
