//! The files with which plain `ssh` on this machine connects to the platform: a configuration and a `known_hosts`, in
//! devplat's own folder.

mod text;

use std::{path::PathBuf, sync::Arc, time::Duration};

use devplat_kubernetes::bastion::{self, Route};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_profile::{Cluster, Exposure, PlatformName};
use devplat_render::ReleaseName;
use devplat_tool::local::Maker;

use super::{
    CLUSTER, Cx, Kind, Seen, SeenThrough, Traits, Wanted, import,
    names::{SSH_CONFIG, release_id},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    world::World,
};

pub(super) use text::{Host, quoted};
pub use text::{next_line, ssh_line};

/// The port of `devplat port-forward` for the platform with the default name.
const FORWARDED_PORT: u16 = 2222;

/// Returns the port of `devplat port-forward` unless the user names another. It depends on the name of the platform only,
/// so that the ssh configurations of two platforms can be used side by side: 2222, or 22000 to 22999.
pub fn forwarded_port(platform: &PlatformName) -> u16 {
    if *platform == PlatformName::default() {
        return FORWARDED_PORT;
    }
    // FNV-1a, because it is short and the same in every version of devplat.
    let hash = platform.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    22_000 + u16::try_from(hash % 1000).unwrap_or_default()
}

/// How long a cloud provider may take to assign an address to a load balancer.
const PATIENCE: Duration = Duration::from_mins(5);

/// The files for plain `ssh`.
#[derive(Clone)]
pub(crate) struct SshConfig {
    inputs: Arc<PlatformInputs>,
}

/// One of the files: its present and its wanted content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    path: PathBuf,
    found: Option<String>,
    wanted: Option<String>,
}

impl Kind for SshConfig {
    const NAME: KindName = SSH_CONFIG;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { in_passing: false, droppable: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|config, cx| Box::pin(config.write(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|config, cx| Box::pin(config.write(cx)));
    /// They are deleted with the state folder.
    const DELETE: Option<super::kind::Remove<Self>> = None;
    type Fields = Vec<File>;
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
            dies_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(1))
    }

    async fn find(world: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let mut seen = Vec::new();
        for config in wanted.of::<Self>() {
            let texts = config.texts(world).await?;
            let mut files = Vec::new();
            for (index, path) in [world.state.ssh_config(), world.state.known_hosts()].into_iter().enumerate() {
                let wanted = texts.as_ref().map(|texts| texts[index].clone());
                files.push(File { found: world.state.read(&path)?, wanted, path });
            }
            if files.iter().any(|file| file.found.is_some()) {
                let physical = world.state.ssh_config().display().to_string();
                seen.push(Seen::ours(SSH_CONFIG.single(), physical, files, Some(())));
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields.iter().all(|file| file.found == file.wanted) {
            Verdict::Same
        } else {
            Verdict::Differs(vec![Change::in_place("the address of the bastion has changed")])
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl SshConfig {
    async fn write(&self, cx: &Cx) -> Result<Physical, Failure> {
        let begun = tokio::time::Instant::now();
        let [config, known] = loop {
            if let Some(texts) = self.texts(&cx.world).await? {
                break texts;
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::new(Exit::PartWay, "the bastion has no address").hint(
                    "read `kubectl -n devserver-bastion describe service bastion`, then run the same command, which waits again",
                ));
            }
            cx.report("waiting for Service devserver-bastion/bastion: no address yet");
            cx.pause(Duration::from_millis(500)).await?;
        };
        let state = &cx.world.state;
        state.make_ssh()?;
        for (path, text) in [(state.ssh_config(), config), (state.known_hosts(), known)] {
            cx.call(format!("write {}", path.display()), |()| None, async { state.write(&path, &text) }).await?;
        }
        Ok(Physical(state.ssh_config().display().to_string()))
    }

    /// Returns the content of both files; `None` while the bastion has no address or the operator has created no
    /// authority.
    async fn texts(&self, world: &World) -> Result<Option<[String; 2]>, Failure> {
        let Some(host) = host(&self.inputs, world).await? else { return Ok(None) };
        Ok(Some([host.config(&world.state), host.known_hosts()]))
    }
}

/// Returns the SSH host of the platform from this machine; `None` while it is unknown.
pub(super) async fn host(inputs: &PlatformInputs, world: &World) -> Result<Option<Host>, Failure> {
    let client = world.client().await?;
    let authority = bastion::host_authority(&client, world).await?;
    let (Some(authority), Some(route)) = (authority, route(inputs, world).await?) else { return Ok(None) };
    let authority = authority.to_openssh().map_err(|error| Failure::of(Exit::Internal, &error))?;
    let (address, port) = match route {
        Route::Address { host, port } => (host, port),
        Route::PortForward => ("127.0.0.1".to_owned(), forwarded_port(&world.platform)),
    };
    let users = inputs.users_with_generated_keys().map(ToString::to_string).collect();
    Ok(Some(Host { platform: inputs.platform.to_string(), address, port, authority, users }))
}

/// Returns the route to the bastion from this machine; `None` while its load balancer has no address.
pub(super) async fn route(inputs: &PlatformInputs, world: &World) -> Result<Option<Route>, Failure> {
    match (&inputs.profile.cluster, inputs.profile.bastion.exposure) {
        (cluster @ (Cluster::Kind(_) | Cluster::K3d(_)), Exposure::NodePort(port)) => {
            let maker = if matches!(cluster, Cluster::K3d(_)) { Maker::K3d } else { Maker::Kind };
            let label = import::node_label(maker, world.platform.as_str());
            let nodes = import::nodes(world.engine()?, &label).await?;
            let bound = nodes.iter().find_map(|node| node.binding(port));
            Ok(bound.map(|bound| Route::Address { host: bound.reached_at().to_string(), port: bound.port }))
        }
        (Cluster::Existing(_), Exposure::NodePort(port)) => {
            let host = inputs.profile.bastion.host_names.first().cloned();
            // Only the user knows which address of a node is reachable from this machine.
            Ok(Some(host.map_or(Route::PortForward, |host| Route::Address { host, port })))
        }
        (_, Exposure::LoadBalancer) => {
            let host = bastion::load_balancer(&world.client().await?, world).await?;
            Ok(host.map(|host| Route::Address { host, port: 22 }))
        }
        (_, Exposure::PortForward) => Ok(Some(Route::PortForward)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_forwarded_ports_of_their_own() {
        let port = |name: &str| forwarded_port(&name.parse().unwrap());
        assert_eq!(port("devplat"), 2222);
        // Written configurations name these ports, so they never change.
        assert_eq!((port("team-a"), port("team-b")), (22246, 22627));
    }
}
