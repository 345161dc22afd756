//! The files with which plain `ssh` on this machine connects to the platform: a configuration and a `known_hosts`, in
//! devplat's own folder.

mod known_hosts;
mod login;
mod text;
mod written;

use std::{path::PathBuf, sync::Arc, time::Duration};

use devplat_kubernetes::bastion::{self, Route};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_profile::Exposure;
use devplat_render::ReleaseName;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::{SSH_CONFIG, release_id},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    state::StateFolder,
};

pub use known_hosts::known_hosts_line;
pub use login::{next_line, ssh_line};
pub(super) use text::{SshHost, follows};
pub use written::written_host;

/// How long a cloud provider may take to assign an address to a load balancer.
const PATIENCE: Duration = Duration::from_mins(5);

/// The files for plain `ssh`.
#[derive(Clone)]
pub(crate) struct SshConfig {
    inputs: Arc<PlatformInputs>,
}

/// The known facts of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The content of the configuration; `None` if it is absent.
    config: Option<String>,
    /// The content of `known_hosts`; `None` if it is absent.
    known_hosts: Option<String>,
    /// The present SSH host, or why there is none yet.
    host: Result<SshHost, NoHost>,
}

impl ResourceKind for SshConfig {
    const NAME: super::KindWith<Self::Output> = SSH_CONFIG;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|config, cx| Box::pin(config.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|config, cx| Box::pin(config.create(cx)));
    /// They are deleted with the state folder.
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self { inputs: Arc::clone(inputs) }])
    }

    fn id(&self) -> Id {
        SSH_CONFIG.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![release_id(ReleaseName::Bastion)],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(1))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(wanted) = wanted.of::<Self>().pop() else { return Ok(Vec::new()) };
        let state = &context.state;
        let (config, known_hosts) = (state.read(&state.ssh_config())?, state.read(&state.known_hosts())?);
        if config.is_none() && known_hosts.is_none() {
            return Ok(Vec::new());
        }
        let fields = Fields { config, known_hosts, host: host(&wanted.inputs, context).await? };
        let physical = state.ssh_config().display().to_string();
        Ok(vec![Seen::ours(SSH_CONFIG.single(), physical, fields, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        compare(&seen.fields, &self.inputs.state)
    }

    async fn settle(&self, cx: &Cx) -> Result<(), Failure> {
        let begun = tokio::time::Instant::now();
        loop {
            let why = match host(&self.inputs, &cx.context).await? {
                Ok(host) => return write(&host, cx).await,
                Err(why) => why,
            };
            if begun.elapsed() > PATIENCE {
                let again = "then run the same command, which waits again";
                let look = format!("{} {}", cx.context.kubectl(), why.look());
                return Err(Failure::of(Exit::PartWay, &why).hint(format!("read `{look}`, {again}")));
            }
            cx.report(format!("waiting: {why}"));
            cx.pause(Duration::from_millis(500)).await?;
        }
    }
}

impl SshConfig {
    /// Writes the files, if the address is known. A load balancer may have none yet; [`ResourceKind::settle`] waits for it.
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        if let Ok(host) = host(&self.inputs, &cx.context).await? {
            write(&host, cx).await?;
        }
        Ok(Physical(cx.context.state.ssh_config().display().to_string()))
    }
}

/// Writes the files that are not those of `host`. The block in the user's file, if there is one, includes the file with
/// the hosts; its own step has compared it with the earlier ones.
async fn write(host: &SshHost, cx: &Cx) -> Result<(), Failure> {
    let state = &cx.context.state;
    let [config, known] = texts(host, state);
    let hosts = state.read(&hosts_file(state))?.map(|_| (hosts_file(state), host.hosts(state)));
    for (path, text) in [(state.ssh_config(), config), (state.known_hosts(), known)].into_iter().chain(hosts)
    {
        if state.read(&path)?.as_deref() == Some(text.as_str()) {
            continue;
        }
        state.make_ssh()?;
        cx.write_file(&path, &text).await?;
    }
    Ok(())
}

/// Returns the file that the block of `devplat ssh-config` includes, which exists only with that block.
pub(super) fn hosts_file(state: &StateFolder) -> PathBuf {
    state.path().join("ssh/hosts")
}

/// Compares the files with those of the present host.
fn compare(fields: &Fields, state: &StateFolder) -> Verdict {
    let Fields { config, known_hosts, host } = fields;
    let host = match host {
        Ok(host) => host,
        Err(why) => return Verdict::Unknown(why.to_string()),
    };
    let [current, authority] = texts(host, state);
    let changes: Vec<Change> = [
        change(config.as_deref(), &current, "ssh/config", "the hosts or the users"),
        change(
            known_hosts.as_deref(),
            &authority,
            "ssh/known_hosts",
            "the hosts or the key of the authority",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() { Verdict::Same } else { Verdict::Differs(changes) }
}

/// Returns the difference between a file and its wanted content, which names the part of it that can change.
fn change(found: Option<&str>, wanted: &str, file: &str, part: &str) -> Option<Change> {
    match found {
        None => Some(Change::in_place(format!("{file} is missing"))),
        Some(found) => (found != wanted).then(|| Change::in_place(format!("{file} differs in {part}"))),
    }
}

/// Returns the content of both files.
fn texts(host: &SshHost, state: &StateFolder) -> [String; 2] {
    [host.config(state), host.known_hosts()]
}

/// The reason why a platform has no SSH host yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoHost {
    /// The operator has not published the key that clients trust.
    #[error(
        "the operator has not published the host authority yet: ConfigMap devserver-bastion/ssh-authorities"
    )]
    Authority,
    /// The bastion cannot be reached from this machine.
    #[error("the bastion has no address yet: Service devserver-bastion/bastion")]
    Address,
}

impl NoHost {
    /// Returns the arguments for kubectl that show the cause.
    fn look(self) -> &'static str {
        match self {
            Self::Authority => "-n devserver-operator-system logs deployment/devserver-operator",
            Self::Address => "-n devserver-bastion describe service bastion",
        }
    }
}

/// Returns the SSH host of the platform from this machine, or why there is none yet.
pub(super) async fn host(
    inputs: &PlatformInputs,
    context: &PlatformContext,
) -> Result<Result<SshHost, NoHost>, Failure> {
    let client = context.client().await?;
    let Some(authority) = bastion::host_authority(&client, context).await? else {
        return Ok(Err(NoHost::Authority));
    };
    let Some(route) = route(inputs, context).await? else { return Ok(Err(NoHost::Address)) };
    let authority = authority.to_openssh().map_err(|error| Failure::of(Exit::Internal, &error))?;
    let (address, port) = match route {
        Route::Address { host, port } => (host, port),
        Route::PortForward => ("127.0.0.1".to_owned(), inputs.forwarded_port),
    };
    let users = inputs.users_with_generated_keys().map(ToString::to_string).collect();
    Ok(Ok(SshHost { platform: inputs.platform.to_string(), address, port, authority, users }))
}

/// Returns the route to the bastion from this machine; `None` while its load balancer has no address.
pub(super) async fn route(
    inputs: &PlatformInputs,
    context: &PlatformContext,
) -> Result<Option<Route>, Failure> {
    match (inputs.maker(), inputs.profile.bastion.exposure) {
        (Some(maker), Exposure::NodePort(port)) => {
            let nodes = maker.nodes(context.engine()?, context.platform.as_str()).await?;
            let bound = nodes.iter().find_map(|node| node.binding(port));
            Ok(bound.map(|bound| Route::Address { host: bound.reached_at().to_string(), port: bound.port }))
        }
        (None, Exposure::NodePort(port)) => {
            let host = inputs.profile.bastion.host_names.first().cloned();
            // Only the user knows which address of a node is reachable from this machine.
            Ok(Some(host.map_or(Route::PortForward, |host| Route::Address { host, port })))
        }
        (_, Exposure::LoadBalancer) => {
            let host = bastion::load_balancer(&context.client().await?, context).await?;
            Ok(host.map(|host| Route::Address { host, port: 22 }))
        }
        (_, Exposure::PortForward) => Ok(Some(Route::PortForward)),
    }
}

#[cfg(test)]
mod tests {
    use devplat_profile::PlatformName;

    use super::*;
    use crate::{platform_context::testing::context, resource::tests::step_alone};

    fn at(port: u16) -> SshHost {
        SshHost {
            platform: "devplat".to_owned(),
            address: "127.0.0.1".to_owned(),
            port,
            authority: "ssh-ed25519 AAAA".to_owned(),
            users: vec!["demo".to_owned()],
        }
    }

    #[tokio::test]
    async fn included_hosts_follow_a_new_port() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let (state, cx) = (&context.state, step_alone(&context, SSH_CONFIG.single(), Action::Update));
        let included = || state.read(&hosts_file(state)).unwrap();
        write(&at(22), &cx).await.unwrap();
        assert_eq!(included(), None, "there is no block");
        std::fs::write(hosts_file(state), at(22).hosts(state)).unwrap();
        write(&at(2022), &cx).await.unwrap();
        let config = state.read(&state.ssh_config()).unwrap().unwrap();
        assert!(follows(&included().unwrap(), &config, state));
    }

    #[test]
    fn files_of_another_address_or_authority_differ() {
        let state = StateFolder::below(std::path::Path::new("/state"), &PlatformName::default());
        let host = SshHost {
            platform: "devplat".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 41022,
            authority: "ssh-ed25519 AAAA".to_owned(),
            users: vec!["demo".to_owned()],
        };
        let [config, known_hosts] = texts(&host, &state);
        let written = Fields { config: Some(config), known_hosts: Some(known_hosts), host: Ok(host.clone()) };
        assert_eq!(compare(&written, &state), Verdict::Same);
        let differs = |host: SshHost| -> Vec<String> {
            match compare(&Fields { host: Ok(host), ..written.clone() }, &state) {
                Verdict::Differs(changes) => changes.iter().map(ToString::to_string).collect(),
                verdict => vec![format!("{verdict:?}")],
            }
        };
        let moved = SshHost { port: 41023, ..host.clone() };
        assert_eq!(differs(moved), ["ssh/config differs in the hosts or the users"]);
        let renewed = SshHost { authority: "ssh-ed25519 BBBB".to_owned(), ..host.clone() };
        assert_eq!(differs(renewed), ["ssh/known_hosts differs in the hosts or the key of the authority"]);
        let lost = Fields { known_hosts: None, ..written.clone() };
        let missing = Verdict::Differs(vec![Change::in_place("ssh/known_hosts is missing")]);
        assert_eq!(compare(&lost, &state), missing);
    }

    #[test]
    fn absent_authority_and_absent_address_have_a_message_each() {
        let state = StateFolder::below(std::path::Path::new("/state"), &PlatformName::default());
        let why = |why: NoHost| {
            let fields = Fields { config: None, known_hosts: None, host: Err(why) };
            match compare(&fields, &state) {
                Verdict::Unknown(why) => why,
                verdict => format!("{verdict:?}"),
            }
        };
        let (authority, address) = (why(NoHost::Authority), why(NoHost::Address));
        assert!(authority.contains("host authority") && !authority.contains("address"), "{authority}");
        assert!(address.contains("has no address") && !address.contains("authority"), "{address}");
    }
}
