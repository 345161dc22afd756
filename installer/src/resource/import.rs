//! An image in the nodes of a local cluster, under a name with its digest or a tag made from it, so that an existing
//! image is the wanted one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use devplat_image::{ImageName, Stored, write_tagged_archive};
use devplat_plan::{Action, Edges, Facts, Id, KindName, Physical, Requirement, Verdict};
use devplat_tool::{
    docker::{Container, Engine, EngineError},
    local::{self, containerd},
    minikube,
};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, early_import,
    names::{BUILD, IMPORT},
    node_import::bring_in,
};
use crate::{
    failure::{Exit, Failure},
    platform::{ChosenDelivery, NodeImport, PlatformInputs},
    platform_context::PlatformContext,
};

/// How long containerd may take to answer after the start of a node.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a loaded image may take to show in a node's list, which containerd updates after the load.
const SHOWN: Duration = Duration::from_secs(5);

/// An image to import into the nodes.
#[derive(Clone)]
pub(crate) struct Import {
    image: ImageName,
    by: NodeImport,
    inputs: Arc<PlatformInputs>,
}

impl ResourceKind for Import {
    const NAME: super::KindWith<Self::Output> = IMPORT;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|import, cx| Box::pin(import.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|import, cx| Box::pin(import.create(cx)));
    /// Never, because running dev servers may use an older image. It goes with the cluster, or with the kubelet's deletion
    /// of unused images.
    const DELETE: Option<super::kind::DeleteSeen<Self>> = None;
    type Fields = ();
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let ChosenDelivery::Nodes(by) = &inputs.delivery else { return Ok(Vec::new()) };
        let images = inputs.images().into_iter();
        Ok(images.map(|image| Self { image, by: by.clone(), inputs: Arc::clone(inputs) }).collect())
    }

    fn id(&self) -> Id {
        IMPORT.named(self.image.as_str())
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![BUILD.named(self.image.as_str())],
            needs_usable: vec![cluster.clone()],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        let usual = match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(1),
            ImageName::Base => Duration::from_secs(5),
        };
        let takes = match self.by {
            NodeImport::Engine { .. } => Requirement::Engine,
            NodeImport::Minikube { .. } => Requirement::Tool("minikube"),
        };
        Facts::lasting(usual).requiring([takes])
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let mut stored = Vec::new();
        for import in wanted.of::<Self>() {
            let found = import.inputs.stored(import.image)?;
            stored.extend(found.map(|stored| {
                let name = import.by.reference(&stored).to_string();
                (import, name)
            }));
        }
        let Some((first, _)) = stored.first() else { return Ok(Vec::new()) };
        let names: Vec<String> = stored.iter().map(|(_, name)| name.clone()).collect();
        let there = present(&first.by, &names, context).await?;
        let found = stored.into_iter().filter(|(_, name)| there.contains(name));
        Ok(found.map(|(import, name)| Seen::ours(import.id(), name, (), Some(()))).collect())
    }

    fn compare(&self, _: &Seen<Self>) -> Verdict {
        // The image was found by its digest in every node, so it is the wanted one.
        Verdict::Same
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl Import {
    /// Imports the image unless the nodes have it, because the creation of the cluster may already have imported it.
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        early_import::until_ended(self.image, cx).await;
        let stored = self.inputs.needed(self.image)?;
        let physical = Physical(self.by.reference(&stored).to_string());
        if !present(&self.by, std::slice::from_ref(&physical.0), &cx.context).await?.is_empty() {
            return Ok(physical);
        }
        match &self.by {
            NodeImport::Engine { label } => {
                let engine = cx.context.engine()?;
                let nodes = local::nodes(engine, label).await?;
                tokio::select! {
                    brought = bring_in(vec![stored], engine, &nodes, cx) => brought?,
                    why = local::lost_node(engine, label) => {
                        let why = format!("cannot import image {}: {why}", self.image);
                        return Err(Failure::new(Exit::PartWay, why)
                            .hint(format!("`{}` starts the nodes and continues", cx.context.command("up"))));
                    }
                }
            }
            NodeImport::Minikube { profile } => {
                let call = format!("minikube image load {} -p {profile}", self.image);
                let work = load_into_minikube(stored, &physical.0, profile, &cx.context);
                cx.call(call, |()| Some(physical.clone()), work).await?;
            }
        }
        Ok(physical)
    }
}

/// Returns those of the images `names` that every node has.
async fn present(
    by: &NodeImport,
    names: &[String],
    context: &PlatformContext,
) -> Result<BTreeSet<String>, Failure> {
    let mut there: BTreeSet<String> = names.iter().cloned().collect();
    match by {
        NodeImport::Engine { label } => {
            let engine = context.engine()?;
            let nodes = local::nodes(engine, label).await?;
            usable(&nodes, label, context)?;
            let looks = nodes.iter().map(|node| images(engine, node, names, context));
            for of_node in futures::future::try_join_all(looks).await? {
                there.retain(|name| of_node.contains(name));
            }
        }
        NodeImport::Minikube { profile } => {
            for of_node in minikube::images(&context.surroundings, profile).await?.values() {
                there.retain(|name| of_node.contains(name));
            }
        }
    }
    Ok(there)
}

/// Fails unless there are nodes and all of them are running. devplat starts only nodes of its own clusters.
fn usable(nodes: &[Container], label: &str, context: &PlatformContext) -> Result<(), Failure> {
    if nodes.is_empty() {
        let why = format!("there is no longer a node with label {label}");
        return Err(Failure::new(Exit::PartWay, why).hint("run the same command again"));
    }
    let stopped: Vec<&str> =
        nodes.iter().filter(|node| !node.running).map(|node| node.name.as_str()).collect();
    if stopped.is_empty() {
        return Ok(());
    }
    let names = stopped.join(" ");
    match &context.named {
        None => Err(Failure::new(Exit::PartWay, format!("stopped in the meantime: {names}"))
            .hint("run the same command again: it starts them")),
        Some(_) => Err(Failure::new(Exit::Missing, format!("nodes of the cluster are stopped: {names}"))
            .hint(format!("start them: `docker start {names}`"))),
    }
}

/// Loads the image into every node, and checks that each node then lists it under `name`.
async fn load_into_minikube(
    stored: Stored,
    name: &str,
    profile: &str,
    context: &PlatformContext,
) -> Result<(), Failure> {
    let archive = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        let mut file = tempfile::Builder::new().prefix("devplat-image-").suffix(".tar").tempfile()?;
        write_tagged_archive(&[stored], std::io::BufWriter::new(file.as_file_mut()))?;
        Ok(file)
    });
    let archive = archive
        .await
        .map_err(|error| Failure::of(Exit::Internal, &error))?
        .map_err(|failure| failure.while_doing("cannot write an image to a temporary file"))?;
    minikube::load(&context.surroundings, profile, archive.path()).await?;
    let loaded = tokio::time::Instant::now();
    loop {
        let nodes = minikube::images(&context.surroundings, profile).await?;
        let without: Vec<&str> =
            nodes.iter().filter(|(_, names)| !names.contains(name)).map(|(node, _)| node.as_str()).collect();
        if without.is_empty() {
            return Ok(());
        }
        if loaded.elapsed() >= SHOWN {
            return Err(not_loaded(name, profile, &without.join(", "), context));
        }
        context.pause(Duration::from_secs(1)).await?;
    }
}

/// Returns the failure for nodes without an image that minikube loaded. minikube exits with 0 then, and only its log has
/// the reason.
fn not_loaded(name: &str, profile: &str, nodes: &str, context: &PlatformContext) -> Failure {
    let temporary = context.surroundings.text("TMPDIR").unwrap_or("/tmp");
    let why =
        format!("`minikube image load` reported no error, but these nodes do not list image {name}: {nodes}");
    Failure::new(Exit::PartWay, why)
        .hint(format!("read the newest {temporary}/minikube_image_*.log: it has the reason"))
        .hint(format!("start the nodes if `minikube status -p {profile}` shows them as stopped; then run the same command"))
}

/// Waits until containerd answers, and returns those of the images `names` that a node has.
async fn images(
    engine: &Engine,
    node: &Container,
    names: &[String],
    context: &PlatformContext,
) -> Result<BTreeSet<String>, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        match containerd::images(engine, &node.name, names).await {
            Ok(images) => return Ok(images),
            Err(EngineError::Exec { .. }) if begun.elapsed() < PATIENCE => {
                context.pause(Duration::from_millis(300)).await?;
            }
            Err(error @ EngineError::Exec { .. }) => {
                return Err(Failure::from(error)
                    .hint(format!("read `docker logs {}`, then run the same command again", node.name)));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
