//! Finds or proposes a profile if the user names none.

use devplat_kubernetes::context::Context;
use devplat_profile::PlatformName;
use devplat_tool::{
    docker::Container,
    local::{Maker, Mark},
};

use super::{Asked, Purpose, Run, absent, cluster, engine::once_connected, others::Others, refusal::DEFAULT};
use crate::{
    failure::{Exit, Failure},
    host::Host,
};

/// The variable in place of `--profile`.
pub const PROFILE_VARIABLE: &str = "DEVPLAT_PROFILE";

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
    let verb = match run.purpose {
        Purpose::Change => Some("up"),
        Purpose::Plan => Some("plan"),
        // It creates nothing, so it does no harm in another place.
        Purpose::Look => None,
    };
    if let Some(verb) = verb
        && let Some(elsewhere) = Box::pin(absent::elsewhere(asked, verb, host)).await?
    {
        return Err(elsewhere);
    }
    let others = Others::of(&run.state, run.purpose)?;
    match Proposal::of(&others, cluster::current(host)?) {
        Proposal::Clear => host.ui.remark(&format!(
            "no profile is named and the kubeconfig names no cluster: using profile {DEFAULT}"
        )),
        Proposal::BesideOthers => others.confirm_new(asked, host)?,
        Proposal::BesideContext(context) => confirm_beside(&context, asked, host)?,
    }
    Ok(Some(DEFAULT.to_owned()))
}

/// The next act of an `up` that would create a platform with the default profile, which the user did not name.
#[derive(Debug, PartialEq, Eq)]
enum Proposal {
    /// It creates the platform.
    Clear,
    /// It asks, because this account has other platforms.
    BesideOthers,
    /// It asks, because the kubeconfig has this current context. An existing cluster is never used unless the user names
    /// it.
    BesideContext(Context),
}

impl Proposal {
    fn of(others: &Others, current: Option<Context>) -> Self {
        match current {
            _ if !others.is_empty() => Self::BesideOthers,
            Some(context) => Self::BesideContext(context),
            None => Self::Clear,
        }
    }

    /// Returns the arguments with which `up` creates the platform and asks nothing.
    fn named(&self, asked: &Asked) -> Asked {
        let profile = match self {
            Self::Clear => asked.profile.clone(),
            Self::BesideOthers | Self::BesideContext(_) => Some(DEFAULT.to_owned()),
        };
        Asked { profile, ..asked.clone() }
    }
}

/// Returns the command line that creates a platform that was found nowhere, as `up` decides.
pub(super) fn creation(asked: &Asked, host: &Host) -> Result<String, Failure> {
    let others = Others::of(&asked.state(host)?, Purpose::Change)?;
    Ok(Proposal::of(&others, cluster::current(host)?).named(asked).again("up"))
}

/// Fails if another program created the platform's cluster than `wanted`, that of the profile on the command line: the user
/// may mean another platform.
pub(super) async fn refuse_other_maker(wanted: Maker, run: &mut Run<'_>) -> Result<(), Failure> {
    let (asked, host) = (run.asked, run.host);
    match maker_of(&asked.platform(), run).await {
        Some(found) if found != wanted => {
            let by_variable = host.surroundings.get(PROFILE_VARIABLE).is_some();
            Err(other_maker(found, wanted, asked, by_variable))
        }
        Some(_) | None => Ok(()),
    }
}

fn other_maker(found: Maker, wanted: Maker, asked: &Asked, by_variable: bool) -> Failure {
    let (platform, profile) = (asked.platform(), asked.profile.as_deref().unwrap_or_default());
    let (found, wanted) = (found.name(), wanted.name());
    let why = format!(
        "the cluster of platform {platform} was created with {found}, and profile {profile} is for a cluster of \
         {wanted}"
    );
    let destroy = asked.command_line().of_platform().of("destroy");
    let unset = if by_variable { format!("env -u {PROFILE_VARIABLE} ") } else { String::new() };
    Failure::new(Exit::Usage, why)
        .hint(format!("nothing was deleted; `{unset}{destroy}` deletes the {found} cluster"))
        .hint("if you mean another platform, name it with --name")
}

/// Returns the program that created the platform's cluster in the Docker engine of this machine; `None` if there is no
/// cluster, or more than one, or the engine does not answer: the run itself reports that.
async fn maker_of(platform: &PlatformName, run: &mut Run<'_>) -> Option<Maker> {
    let tried = once_connected(run.engine.take(), run.host).await;
    run.engine = Some(tried.clone());
    let engine = tried.ok()?;
    let marked = |node: &Container| Mark::of_node(node).is_some_and(|mark| *platform == *mark.platform);
    let mut found = Vec::new();
    for maker in Maker::ALL {
        let nodes = maker.nodes(&engine, platform.as_str()).await;
        let nodes = nodes.inspect_err(|error| tracing::debug!(%error, "nodes were not searched")).ok()?;
        if !nodes.is_empty() && nodes.iter().all(marked) {
            found.push(maker);
        }
    }
    match found.as_slice() {
        [only] => Some(*only),
        [..] => None,
    }
}

/// Asks whether to create a cluster beside that of the current context.
fn confirm_beside(context: &Context, asked: &Asked, host: &Host) -> Result<(), Failure> {
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
            .hint(format!("`{}` creates a new cluster; so does --profile k3d", with(DEFAULT, None)))
            .hint(named.clone())
    };
    let question = format!("{found}; leave it unchanged and create a new cluster with {DEFAULT}?");
    host.choose(&question, no, no_terminal)
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::context::DistributionGuess;

    use super::*;

    #[test]
    fn line_that_creates_a_platform_names_a_profile_where_up_would_ask() {
        let context = || Context {
            name: "there".to_owned(),
            server: "https://there:6443".to_owned(),
            guess: DistributionGuess::Other,
        };
        let others = |names: &[&str]| {
            Others::named(names.iter().map(|name| name.parse().unwrap()).collect(), Purpose::Change)
        };
        let asked = Asked { name: Some("x".parse().unwrap()), ..Asked::default() };
        for (names, current, line) in [
            (&[][..], None, "devplat up --name x"),
            (&["team-a"], None, "devplat up --name x --profile kind"),
            (&[], Some(context()), "devplat up --name x --profile kind"),
            (&["team-a"], Some(context()), "devplat up --name x --profile kind"),
        ] {
            assert_eq!(Proposal::of(&others(names), current).named(&asked).again("up"), line, "{names:?}");
        }
    }

    #[test]
    fn profile_of_another_program_is_refused_with_both_names() {
        let name = Some("team-a".parse().unwrap());
        let asked = Asked { name, profile: Some("kind".to_owned()), ..Asked::default() };
        let failure = other_maker(Maker::K3d, Maker::Kind, &asked, false);
        assert_eq!(failure.exit, Exit::Usage);
        let why =
            "the cluster of platform team-a was created with k3d, and profile kind is for a cluster of kind";
        assert_eq!(failure.message, why);
        let without = "nothing was deleted; `devplat destroy --name team-a` deletes the k3d cluster";
        assert_eq!(failure.hints[0], without);
        let failure = other_maker(Maker::K3d, Maker::Kind, &asked, true);
        assert!(
            failure.hints[0].contains("`env -u DEVPLAT_PROFILE devplat destroy --name team-a`"),
            "{failure:?}"
        );
    }
}
