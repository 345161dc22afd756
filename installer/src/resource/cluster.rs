//! The cluster that devplat makes with kind. Whose it is shows from the creating call on; that it was finished
//! shows by a file in its node, which is written last.

use std::{
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use devplat_kubernetes::context;
use devplat_profile::{Delivery, Exposure, KindCluster, NodeImage, PlatformName, PortMapping};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{Progress, import};
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::{
        docker::{self, Container},
        kind::{self, OWNER_FOLDER, Wanted},
    },
    world::{Ingredients, World},
};

/// With the node image there already.
pub(super) const USUAL: Duration = Duration::from_secs(20);

/// How long the API server of a cluster that is started again may take to its first answer.
const START_PATIENCE: Duration = Duration::from_mins(2);

/// The node image that is built where no registry is reachable.
const BUILT_NODE_IMAGE: &str = "devplat/kind-node:v1.34.3";
/// On a node image that has a network of its own, good for one node.
const CNI_LABEL: &str = "dev.devplat.cni";
/// Where the finished cluster says what it was made as.
const RECORD: &str = "/kind/devplat.json";

/// A cluster made by kind.
#[derive(Clone)]
pub struct Cluster {
    name: String,
    /// What it shall be; not known where it is only to be found and deleted.
    spec: Option<Shape>,
    /// Whose images are brought into its nodes while they start; none where they come from a registry.
    images: Option<Arc<Ingredients>>,
}

/// What a cluster is made as; compared as a whole with what it was made as.
#[derive(Clone, Serialize)]
struct Shape {
    #[serde(flatten)]
    kind: KindCluster,
    /// Port of the node that leads to the bastion, and is to be reached from this machine.
    #[serde(rename = "bastionPort", skip_serializing_if = "Option::is_none")]
    bastion_port: Option<u16>,
}

impl Shape {
    /// All ports of this machine that lead to the node; 0 takes a free one.
    fn mappings(&self) -> Vec<PortMapping> {
        let KindCluster { node_image: _, api_server_port: _, ssh_port, ssh_address, port_mappings } =
            &self.kind;
        let bastion = self.bastion_port.map(|node_port| PortMapping {
            host_port: ssh_port.unwrap_or(0),
            node_port,
            listen_address: ssh_address.clone(),
        });
        bastion.into_iter().chain(port_mappings.iter().cloned()).collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    platform: String,
    /// The profile's part about the cluster, as JSON: compared as a whole.
    spec: serde_json::Value,
}

impl Cluster {
    pub(super) fn wanted(ingredients: &Arc<Ingredients>, kind: KindCluster) -> Self {
        let bastion_port = match ingredients.profile.bastion.exposure {
            Exposure::NodePort(port) => Some(port),
            Exposure::LoadBalancer | Exposure::PortForward => None,
        };
        let images = match ingredients.profile.delivery {
            Delivery::Nodes => Some(Arc::clone(ingredients)),
            Delivery::Registry(_) => None,
        };
        Self { name: ingredients.platform.to_string(), spec: Some(Shape { kind, bastion_port }), images }
    }

    pub(super) fn named(platform: &PlatformName) -> Self {
        Self { name: platform.to_string(), spec: None, images: None }
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        let nodes = docker::nodes(&self.name).await?;
        let Some(node) = nodes.first() else { return Ok(Verdict::Absent) };
        if !self.owns(&nodes) {
            return Ok(Verdict::Foreign(format!("kind cluster {} was made by somebody else", self.name)));
        }
        let record = docker::read_file(&node.name, RECORD).await?;
        let Some(record) = record.and_then(|text| serde_json::from_str::<Record>(&text).ok()) else {
            return Ok(Verdict::Broken("its making was interrupted".to_owned()));
        };
        if let Some(spec) = &self.spec {
            let changes = changes(&record.spec, &as_json(spec));
            if !changes.is_empty() {
                return Ok(Verdict::Outgrown(changes));
            }
        }
        if !node.running {
            return Ok(Verdict::Differs(vec!["it is stopped".to_owned()]));
        }
        if self.spec.is_some() {
            self.ensure_kubeconfig(world, node).await?;
            // What is in a node that was just started is as unknown as in one that is stopped.
            if let Some(why) = asleep(world, node).await? {
                return Ok(Verdict::Differs(vec![why]));
            }
        }
        Ok(Verdict::Same)
    }

    pub(super) async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let Some(spec) = &self.spec else {
            return Err(Failure::new(
                Exit::Internal,
                "a cluster cannot be made without knowing what it shall be",
            ));
        };
        let (image, own_cni) = node_image(&spec.kind).await?;
        let network = super::network_name(&world.platform);
        let wanted = Wanted {
            name: &self.name,
            network: &network,
            image: image.as_deref(),
            own_cni,
            old_cgroups: docker::has_old_cgroups().await?,
            api_port: spec.kind.api_server_port,
            mappings: &spec.mappings(),
        };
        world.state.make()?;
        let kubeconfig = world.state.kubeconfig();
        let tell = |step: &str| progress.tell(step);
        if let Err(failure) = self.create_with_images(&wanted, &kubeconfig, tell).await {
            // A node that a killed run had just asked Docker for may come up after we looked.
            let nodes = docker::nodes(&self.name).await?;
            let late = failure.one_line().contains("already exist") && !nodes.is_empty() && self.owns(&nodes);
            if !late {
                return Err(failure);
            }
            progress.tell("deleting what an earlier run left");
            kind::delete(&self.name, &kubeconfig).await?;
            kind::create(&wanted, &kubeconfig, tell).await?;
        }
        progress.tell("writing down that it is finished");
        let nodes = docker::nodes(&self.name).await?;
        let node = nodes
            .first()
            .ok_or_else(|| Failure::new(Exit::PartWay, "the node went away while it was made"))?;
        let record = Record { platform: self.name.clone(), spec: as_json(spec) };
        let text = serde_json::to_string(&record).expect("a record is JSON");
        let write = docker::exec(&node.name).args([
            "sh",
            "-c",
            &format!("cat > {RECORD}.new && mv {RECORD}.new {RECORD}"),
        ]);
        write.stdin(text).run().await.map(|_| ()).map_err(|error| docker::explain(&error))
    }

    /// While kubeadm waits for what it has started, the node's processors have time for images.
    async fn create_with_images(
        &self,
        wanted: &Wanted<'_>,
        kubeconfig: &Path,
        tell: impl Fn(&str),
    ) -> Result<(), Failure> {
        let up = Notify::new();
        let making = kind::create(wanted, kubeconfig, |step| {
            tell(step);
            if step == kind::NODE_IS_UP {
                up.notify_one();
            }
        });
        let images = async {
            up.notified().await;
            if let Some(ingredients) = &self.images {
                import::bring_in_early(ingredients, &ingredients.platform, &tell).await;
            }
        };
        tokio::pin!(making, images);
        tokio::select! {
            // What is on its way is not thrown away; its own step would begin anew.
            made = &mut making => { if made.is_ok() { images.await; } made }
            () = &mut images => making.await,
        }
    }

    pub(super) async fn start(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        for node in docker::nodes(&self.name).await? {
            progress.tell(format!("starting {}", node.name));
            docker::start(&node.name).await?;
            self.ensure_kubeconfig(world, &node).await?;
        }
        let begun = Instant::now();
        // Again, since it says when it was started.
        for node in docker::nodes(&self.name).await? {
            while let Some(why) = asleep(world, &node).await? {
                progress.tell(format!("waiting for {}: {why}", node.name));
                if begun.elapsed() > START_PATIENCE {
                    return Err(Failure::new(
                        Exit::PartWay,
                        format!("node {} does not come up: {why}", node.name),
                    )
                    .hint(format!("`docker logs {}` may say why", node.name)));
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
        }
        Ok(())
    }

    pub(super) async fn delete(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        let nodes = docker::nodes(&self.name).await?;
        if nodes.is_empty() {
            return Ok(());
        }
        if !self.owns(&nodes) {
            return Err(Failure::new(
                Exit::Usage,
                format!("kind cluster {} was made by somebody else", self.name),
            ));
        }
        progress.tell("stopping and deleting its node");
        kind::delete(&self.name, &world.state.kubeconfig()).await
    }

    /// Tells which ports that the cluster needs are taken; only to be asked while it is not there.
    pub fn taken_ports(&self) -> Vec<String> {
        let Some(spec) = &self.spec else { return Vec::new() };
        let mapped = spec.mappings();
        let mapped = mapped.iter().map(|mapping| (mapping.listen_address.as_str(), mapping.host_port));
        let api = spec.kind.api_server_port.map(|port| ("127.0.0.1", port));
        mapped
            .chain(api)
            .filter(|(address, port)| *port != 0 && TcpListener::bind((*address, *port)).is_err())
            .map(|(address, port)| format!("{address}:{port}"))
            .collect()
    }

    fn owns(&self, nodes: &[Container]) -> bool {
        let mark = format!("{OWNER_FOLDER}/{}", self.name);
        nodes.iter().all(|node| node.mounts.contains(&mark))
    }

    /// The kubeconfig in the state folder leads to this cluster; kind gives it again where it was lost.
    async fn ensure_kubeconfig(&self, world: &World, node: &Container) -> Result<(), Failure> {
        let path = world.state.kubeconfig();
        let here = std::fs::read_to_string(&path).unwrap_or_default();
        let leads = node.api_port.is_some_and(|port| here.contains(&format!(":{port}\n")));
        if leads {
            return Ok(());
        }
        let text = kind::kubeconfig(&self.name).await?;
        world.state.make()?;
        let folder = path.parent().unwrap_or(&path);
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut file| {
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&path).map_err(std::io::Error::from).map(|_| ())
        });
        written.map_err(|error| {
            Failure::of(Exit::Missing, &error).while_doing(format!("cannot write {}", path.display()))
        })
    }
}

/// What keeps a running node from being asked what is in it, if anything does.
async fn asleep(world: &World, node: &Container) -> Result<Option<String>, Failure> {
    let client = world.client().await?;
    if context::answer(&client).await.is_err() {
        return Ok(Some("its API server is not ready".to_owned()));
    }
    let Some(started) = node.started else { return Ok(None) };
    Ok(match context::kubelet_spoke(&client, &node.name, started).await {
        Ok(true) => None,
        Ok(false) => Some("its kubelet has not spoken since it was started".to_owned()),
        Err(error) => Some(error.to_string()),
    })
}

/// The image for the node, and whether it brings its own network.
async fn node_image(spec: &KindCluster) -> Result<(Option<String>, bool), Failure> {
    let image = match &spec.node_image {
        NodeImage::Auto => BUILT_NODE_IMAGE,
        NodeImage::Reference(reference) => reference,
    };
    let label = docker::image_label(image, CNI_LABEL).await?;
    Ok(match (&spec.node_image, label) {
        (NodeImage::Auto, None) => (None, false),
        (_, label) => (Some(image.to_owned()), label.is_some_and(|value| !value.is_empty())),
    })
}

fn as_json(spec: &Shape) -> serde_json::Value {
    serde_json::to_value(spec).expect("a profile is JSON")
}

fn changes(was: &serde_json::Value, shall: &serde_json::Value) -> Vec<String> {
    let empty = serde_json::Map::new();
    let (was, shall) = (was.as_object().unwrap_or(&empty), shall.as_object().unwrap_or(&empty));
    let differing = shall.iter().filter(|(key, value)| was.get(*key) != Some(value));
    differing
        .map(|(key, value)| {
            format!(
                "cluster.kind.{key} is {}, shall be {value}",
                was.get(key).unwrap_or(&serde_json::Value::Null)
            )
        })
        .collect()
}
