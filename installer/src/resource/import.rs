//! An image in the nodes of a local cluster, under a name with its digest or a tag made from it, so that an existing
//! image is the wanted one.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use devplat_image::{Digest, ImageName, Stored, write_archive, write_tagged_archive};
use devplat_plan::{Action, Edges, Facts, Id, KindName, Physical, Requirement, Verdict};
use devplat_tool::{
    docker::{Container, Engine, EngineError},
    local::{self, Maker, containerd},
    minikube,
};

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::{BUILD, IMPORT},
};
use crate::{
    failure::{Exit, Failure},
    platform::{Delivery, NodeImport, PlatformInputs},
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
    const NAME: KindName = IMPORT;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|import, cx| Box::pin(import.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|import, cx| Box::pin(import.create(cx)));
    /// Never, because running dev servers may use an older image. The kubelet deletes unused images.
    const DELETE: Option<super::kind::Remove<Self>> = None;
    type Fields = ();
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let Delivery::Nodes(by) = &inputs.delivery else { return Ok(Vec::new()) };
        let images = inputs.images().into_iter();
        Ok(images.map(|image| Self { image, by: by.clone(), inputs: Arc::clone(inputs) }).collect())
    }

    fn id(&self) -> Id {
        IMPORT.named(self.image.as_str())
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![BUILD.named(self.image.as_str()), cluster.clone()],
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
        let stored = self.inputs.needed(self.image)?;
        let physical = Physical(self.by.reference(&stored).to_string());
        if !present(&self.by, std::slice::from_ref(&physical.0), &cx.context).await?.is_empty() {
            return Ok(physical);
        }
        match &self.by {
            NodeImport::Engine { label } => {
                let engine = cx.context.engine()?;
                let nodes = local::nodes(engine, label).await?;
                bring_in(vec![stored], engine, &nodes, cx).await?;
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

/// Imports images into the nodes of a cluster that is still being created, each as soon as it is assembled. A failure is
/// only reported, because the images' own steps check the nodes again.
pub(super) struct EarlyImport<'a> {
    inputs: &'a PlatformInputs,
    maker: Maker,
    /// The least number of nodes that the cluster will have.
    count: usize,
    /// The nodes, once containerd answers in all of them.
    nodes: Vec<Container>,
    /// The images that are not imported yet.
    left: Vec<ImageName>,
}

impl<'a> EarlyImport<'a> {
    /// Returns the import of the images that the profile brings into the nodes.
    pub(super) fn new(inputs: &'a PlatformInputs, maker: Maker, count: usize) -> Self {
        let left = match &inputs.delivery {
            Delivery::Nodes(_) => inputs.images(),
            Delivery::LocalRegistry(_) | Delivery::Registry(_) => Vec::new(),
        };
        Self { inputs, maker, count, nodes: Vec::new(), left }
    }

    /// Returns whether no image is left.
    pub(super) fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// Imports the images that are assembled, if containerd answers in every node.
    pub(super) async fn import(&mut self, engine: &Engine, cx: &Cx) {
        if self.nodes.is_empty() {
            match self.nodes_with_containerd(engine).await {
                Ok(nodes) => self.nodes = nodes,
                Err(failure) => tracing::debug!(why = %failure.one_line(), "the nodes were not searched"),
            }
        }
        if self.nodes.is_empty() {
            return;
        }
        let mut stored: Vec<Stored> = Vec::new();
        for image in &self.left {
            match self.inputs.stored(*image) {
                Ok(found) => stored.extend(found),
                Err(failure) => tracing::debug!(%image, why = %failure.one_line(), "the image was not read"),
            }
        }
        if stored.is_empty() {
            return;
        }
        self.left.retain(|image| stored.iter().all(|stored| stored.name != *image));
        if let Err(failure) = bring_in(stored, engine, &self.nodes, cx).await {
            cx.report(format!("importing images later: {}", failure.one_line()));
            tracing::debug!(why = %failure.one_line(), "images were not imported early");
        }
    }

    /// Returns the nodes; none before containerd answers in all of them.
    async fn nodes_with_containerd(&self, engine: &Engine) -> Result<Vec<Container>, Failure> {
        let nodes = self.maker.nodes(engine, self.inputs.platform.as_str()).await?;
        if nodes.len() < self.count {
            return Ok(Vec::new());
        }
        let looks = nodes.iter().map(|node| self.maker.containerd_is_up(engine, &node.name));
        let up = futures::future::try_join_all(looks).await?;
        Ok(if up.into_iter().all(|up| up) { nodes } else { Vec::new() })
    }
}

/// Imports the missing ones of `images` into each node, without layers that its containerd has.
async fn bring_in(images: Vec<Stored>, engine: &Engine, nodes: &[Container], cx: &Cx) -> Result<(), Failure> {
    let images = Arc::new(images);
    for node in nodes {
        // If the node cannot list its blobs, send all of them; the import reports the reason.
        let has = containerd::blobs(engine, &node.name).await.unwrap_or_else(|error| {
            tracing::debug!(node = node.name, %error, "the node does not list its blobs");
            HashSet::new()
        });
        let all = has.is_empty();
        match import(&images, engine, node, has, cx).await {
            // The node's garbage collection has deleted a blob in the meantime.
            Err(failure) if !all => {
                cx.report(format!("importing all again: {}", failure.one_line()));
                import(&images, engine, node, HashSet::new(), cx).await?;
            }
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Imports `images` without the blobs that the node `has`. If that fails, removes their names from the node.
async fn import(
    images: &Arc<Vec<Stored>>,
    engine: &Engine,
    node: &Container,
    has: HashSet<Digest>,
    cx: &Cx,
) -> Result<(), Failure> {
    let lacks = images.iter().flat_map(Stored::blobs).filter(|blob| !has.contains(&blob.digest));
    let bytes: u64 = lacks.map(|blob| blob.size).sum();
    cx.report(format!("importing {} into {}", indicatif::DecimalBytes(bytes), node.name));
    let source = Arc::clone(images);
    let archive = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
        // A file without a name, so that a killed run leaves no file.
        let mut file = tempfile::tempfile()?;
        write_archive(&source, &has, std::io::BufWriter::with_capacity(1 << 20, &mut file))?;
        Ok(Arc::new(file))
    });
    let archive = archive.await.map_err(|error| Failure::of(Exit::Internal, &error))?;
    let archive =
        archive.map_err(|failure| failure.while_doing("cannot write images to a temporary file"))?;
    let names: Vec<String> = images.iter().map(|image| image.local_reference().to_string()).collect();
    let images: Vec<String> = images.iter().map(|image| image.name.to_string()).collect();
    let call = format!("import {} into {}", images.join(", "), node.name);
    let work = containerd::import(engine, &node.name, &names, archive);
    let imported = cx.call(call, |()| Some(Physical(names.join(", "))), work).await;
    if imported.is_err() {
        let call = format!("remove {} from {}", images.join(", "), node.name);
        // The failed import is the error to report, not a failed removal.
        let _ = cx.call(call, |()| None, containerd::remove(engine, &node.name, &names)).await;
    }
    imported
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
