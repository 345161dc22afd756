//! The registry that devplat runs beside a local cluster. Nodes pull from it by its container's name, so devplat sends
//! each blob only once for all nodes.

use std::{net::IpAddr, sync::Arc, time::Duration};

use devplat_plan::{
    Action, Change, Edges, Facts, Id, KindName, Loss, Owner, Physical, Requirement, State, Verdict,
};
use devplat_profile::{LocalRegistry, NodeImage};
use devplat_tool::{
    docker::{Binding, Container, Engine, NewContainer, Restart},
    local::{Maker, PLATFORM_LABEL},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    image_pull::pull_if_absent,
    local_cluster,
    local_creation::ports_of,
    names::{NETWORK, REGISTRY, RegistryAddress},
    network, ownership,
    renamed::{Renamed, rename_back},
};

use crate::{
    failure::{Exit, Failure},
    platform::{ChosenDelivery, PlatformInputs, REGISTRY_PORT, local_registry_name},
    platform_context::PlatformContext,
};

/// The image that is built if no image registry is reachable (tests/kubernetes/k3s-image).
const BUILT_IMAGE: &str = "devplat/registry:v3";
/// The image that is pulled otherwise: the newest major version of the distribution registry.
const PUBLIC_IMAGE: &str = "docker.io/library/registry:3";
/// Only this machine pushes to it.
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
/// How long the registry may take to answer after its start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A registry in a container.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    name: String,
    network: String,
    spec: LocalRegistry,
}

/// The known facts of a registry.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    container: Container,
    /// Its change of name by a user.
    renamed: Option<Renamed>,
    /// Whether it is running and does not answer.
    silent: bool,
}

impl ResourceKind for Registry {
    const NAME: super::KindWith<Self::Output> = REGISTRY;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.start(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = RegistryAddress;

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let ChosenDelivery::LocalRegistry(spec) = &inputs.delivery else { return Ok(Vec::new()) };
        Ok(vec![Self {
            name: local_registry_name(&inputs.platform),
            network: network::network_name(&inputs.platform),
            spec: spec.clone(),
        }])
    }

    fn id(&self) -> Id {
        REGISTRY.single()
    }

    fn edges(&self) -> Edges {
        Edges { embeds: vec![NETWORK.single()], ..Edges::default() }
    }

    fn facts(&self, doing: Action) -> Facts {
        let port = self.spec.host_port.filter(|_| doing == Action::Create);
        let port = port.map(|port| Requirement::FreePort((LOOPBACK, port).into()));
        Facts::lasting(Duration::from_secs(1)).requiring([Requirement::Engine].into_iter().chain(port))
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Some(engine) = &context.engine else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let all = containers(engine, context).await?;
        for container in &all {
            let renamed = renamed(container, &all, context);
            let fields = Fields { container: container.clone(), renamed, silent: false };
            found.push(seen(fields, context, wanted).await);
        }
        Ok(found)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let Fields { container, renamed, silent: _ } = &seen.fields;
        let mapped = container.configured.get(&REGISTRY_PORT).and_then(|all| all.first()).map(|one| one.port);
        match (self.spec.host_port, mapped) {
            (Some(wanted), mapped) if mapped != Some(wanted) => {
                let was = mapped.map_or("no port".to_owned(), |port| format!("port {port}"));
                let change = Change::old_first(format!("it has {was}; the profile wants {wanted}"));
                Verdict::Differs(vec![change.losing("images that users pushed to it")])
            }
            _ => {
                if let Some(obstacle) = renamed.as_ref().and_then(Renamed::obstacle) {
                    return Verdict::Unfit(vec![obstacle]);
                }
                let changes: Vec<Change> =
                    faults(&seen.fields, &self.network).into_iter().map(Change::in_place).collect();
                if changes.is_empty() { Verdict::Same } else { Verdict::Differs(changes) }
            }
        }
    }

    async fn settle(&self, cx: &Cx) -> Result<RegistryAddress, Failure> {
        let begun = tokio::time::Instant::now();
        loop {
            let container = cx.context.engine()?.container(&self.name).await?;
            let address = container.as_ref().and_then(pushed_to);
            if let Some(RegistryAddress(address)) = &address
                && answers(address).await
            {
                return Ok(RegistryAddress(address.clone()));
            }
            if begun.elapsed() > PATIENCE {
                let why = format!("container {} did not answer within {} s", self.name, PATIENCE.as_secs());
                return Err(Failure::new(Exit::PartWay, why)
                    .hint(format!("read `docker logs {}`, then run the same command again", self.name)));
            }
            cx.report(format!("waiting for container {} to answer", self.name));
            cx.pause(Duration::from_millis(100)).await?;
        }
    }
}

/// Returns the containers that are the platform's registry: those with its mark that are not nodes, under any name, and
/// the one with the registry's name, which can be a stranger's.
async fn containers(engine: &Engine, context: &PlatformContext) -> Result<Vec<Container>, Failure> {
    let marked = engine.containers(&format!("{PLATFORM_LABEL}={}", context.platform)).await?;
    let makers = [Maker::Kind, Maker::K3d];
    let is_node = |one: &Container| makers.iter().any(|maker| one.labels.contains_key(maker.cluster_label()));
    let mut all: Vec<Container> = marked.into_iter().filter(|one| !is_node(one)).collect();
    let named = engine.container(&local_registry_name(&context.platform)).await?;
    if let Some(named) = named.filter(|named| all.iter().all(|one| one.id != named.id)) {
        all.push(named);
    }
    Ok(all)
}

fn owner(container: &Container, context: &PlatformContext) -> Owner {
    ownership::of_labels(&format!("container {}", container.name), &container.labels, context)
}

/// Returns the change of name of the platform's container. One that has its name is a double if it is the platform's as
/// well, and is deleted.
fn renamed(container: &Container, all: &[Container], context: &PlatformContext) -> Option<Renamed> {
    let name = local_registry_name(&context.platform);
    if container.name == name || owner(container, context) != Owner::Ours {
        return None;
    }
    let taken = all.iter().any(|one| one.name == name && owner(one, context) != Owner::Ours);
    Some(Renamed { now: container.name.clone(), name, taken })
}

/// Returns why nodes cannot use it, which [`Registry::start`] repairs.
fn faults(fields: &Fields, network: &str) -> Vec<String> {
    let Fields { container, renamed, silent } = fields;
    let outside = !container.networks.contains_key(network);
    let outside = outside.then(|| local_cluster::is_outside("it", network));
    let silent = silent.then(|| "it does not answer".to_owned());
    renamed.iter().map(Renamed::fault).chain(outside).chain(container.idle("it")).chain(silent).collect()
}

async fn seen(mut fields: Fields, context: &PlatformContext, wanted: &Wanted<'_>) -> Seen<Registry> {
    let mut output = fields.container.running.then(|| pushed_to(&fields.container)).flatten();
    if let (Some(RegistryAddress(address)), false) = (&output, wanted.is_nothing()) {
        fields.silent = !answers_soon(address).await;
    }
    if fields.silent {
        output = None;
    }
    let container = &fields.container;
    let owner = owner(container, context);
    let generation = ownership::generation_of(&container.labels);
    let loses = Some(Loss("images that users pushed to it".to_owned()));
    let faults = faults(&fields, &network::network_name(&context.platform));
    let state = if faults.is_empty() { State::Ready } else { State::Degraded(faults) };
    let ports = container.bound.values().flatten().map(|bound| (bound.address, bound.port).into());
    let deletion = Facts::lasting(Duration::from_secs(1)).freeing(ports);
    let update = Facts::default().requiring(ports_of(container));
    let seen = Seen::ours(REGISTRY.single(), container.name.clone(), fields, output);
    Seen { generation, owner, state, loses, deletion, update, ..seen }
}

/// Returns whether it answers, and waits a moment for that, because another run may have just started it.
async fn answers_soon(address: &str) -> bool {
    const MOMENT: Duration = Duration::from_secs(3);
    let begun = tokio::time::Instant::now();
    loop {
        if answers(address).await {
            return true;
        }
        if begun.elapsed() >= MOMENT {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Returns whether the registry itself answers, because the engine accepts connections before the registry does.
async fn answers(address: &str) -> bool {
    let probe = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await?;
        Ok::<_, std::io::Error>(start)
    };
    match tokio::time::timeout(Duration::from_secs(2), probe).await {
        Ok(Ok(start)) => start.starts_with(b"HTTP/1.") && start.ends_with(b" 200"),
        Ok(Err(_)) | Err(_) => false,
    }
}

impl Registry {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let image = self.image(cx).await?;
        let labels = ownership::labels(cx);
        let binding = Binding { address: LOOPBACK, port: self.spec.host_port.unwrap_or(0) };
        let container = NewContainer {
            name: &self.name,
            image: &image,
            command: &[],
            labels: &labels,
            network: &self.network,
            variables: &[],
            ports: &[(REGISTRY_PORT, binding)],
            volumes: &[],
            restart: Restart::UnlessStopped,
        };
        let call = format!("create container {}", self.name);
        let created = |id: &String| Some(Physical(id.clone()));
        let id = Physical(cx.call(call, created, engine.create_container(&container)).await?);
        if let Err(failure) = self.start_container(&id, cx).await {
            let call = format!("delete container {}", self.name);
            // The failed start is the error to report, not a failed deletion.
            let _ = cx.call(call, |()| Some(id.clone()), engine.remove_container(&id.0)).await;
            return Err(failure);
        }
        Ok(Physical(self.name.clone()))
    }

    /// Returns the image to run, and pulls it if the engine does not have it.
    async fn image(&self, cx: &Cx) -> Result<String, Failure> {
        let engine = cx.context.engine()?;
        let image = match &self.spec.image {
            NodeImage::Reference(reference) => reference.as_str(),
            NodeImage::Auto if engine.image(BUILT_IMAGE).await?.is_some() => BUILT_IMAGE,
            NodeImage::Auto => PUBLIC_IMAGE,
        };
        let pulled = pull_if_absent(image, "images.local.image", cx).await;
        pulled.map_err(|failure| failure.hint("or use no registry: --set images.delivery=nodes"))?;
        Ok(image.to_owned())
    }

    /// Gives it its name back, connects it to its network again, and starts it.
    async fn start(&self, cx: &Cx) -> Result<Physical, Failure> {
        let physical = Physical(self.name.clone());
        let engine = cx.context.engine()?;
        let mut ours = containers(engine, &cx.context).await?;
        ours.retain(|one| owner(one, &cx.context) == Owner::Ours);
        let named = ours.iter().find(|one| one.name == self.name);
        if let Some(container) = named.or(ours.first()) {
            if container.name != self.name {
                rename_back(container, &self.name, cx).await?;
            }
            if !container.networks.contains_key(&self.network) {
                let named = Container { name: self.name.clone(), ..container.clone() };
                local_cluster::connect(&named, &self.network, None, engine, cx).await?;
            }
        }
        self.start_container(&physical, cx).await?;
        Ok(physical)
    }

    async fn start_container(&self, physical: &Physical, cx: &Cx) -> Result<(), Failure> {
        let call = format!("start container {}", self.name);
        cx.call(call, |()| Some(physical.clone()), cx.context.engine()?.start(&self.name)).await
    }
}

fn pushed_to(container: &Container) -> Option<RegistryAddress> {
    let binding = container.bound.get(&REGISTRY_PORT)?.first()?;
    (binding.port != 0).then(|| RegistryAddress(format!("{}:{}", binding.reached_at(), binding.port)))
}

async fn delete(seen: &Seen<Registry>, cx: &Cx) -> Result<(), Failure> {
    let still = Registry::find(&cx.context, &Wanted::Nothing).await?;
    let mut still = still.iter().filter(|one| one.fields.container.id == seen.fields.container.id);
    if !still.any(|one| one.owner == Owner::Ours) {
        return Ok(());
    }
    let (engine, name) = (cx.context.engine()?, &seen.physical.0);
    let physical = Some(Physical(seen.fields.container.id.clone()));
    cx.call(format!("delete container {name}"), |()| physical, engine.remove_container(name)).await
}
