//! An image in the nodes of a local cluster, under a name with its digest: what is there is what is meant.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use devplat_image::{ImageName, Stored, write_archive};
use devplat_profile::PlatformName;

use super::Progress;
use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    tool::docker,
    ui::size,
    world::{Ingredients, World},
};

/// What containerd is reached by in a node; named in what `ctr` says when it is not.
const SOCKET: &str = "containerd.sock";
/// How long containerd may take from the start of its node on.
const SOCKET_PATIENCE: Duration = Duration::from_secs(30);

/// An image to be in the nodes.
#[derive(Clone)]
pub struct Import {
    /// Which.
    pub image: ImageName,
    pub(super) ingredients: Arc<Ingredients>,
}

impl Import {
    pub(super) fn usual(&self) -> Duration {
        match self.image {
            ImageName::Operator | ImageName::Bastion | ImageName::Agent => Duration::from_secs(1),
            ImageName::Base => Duration::from_secs(5),
        }
    }

    pub(super) async fn observe(&self, world: &World) -> Result<Verdict, Failure> {
        Ok(if self.is_there(&world.platform).await? { Verdict::Same } else { Verdict::Absent })
    }

    /// Brings it in, unless it is there: a cluster may have got it before it was stopped.
    pub(super) async fn create(&self, world: &World, progress: &Progress) -> Result<(), Failure> {
        if self.is_there(&world.platform).await? {
            return Ok(());
        }
        let stored = self.stored().ok_or_else(|| {
            Failure::new(Exit::Internal, format!("image {} is not put together", self.image))
        })?;
        bring_in(vec![stored], &world.platform, |what| progress.tell(what)).await
    }

    async fn is_there(&self, platform: &PlatformName) -> Result<bool, Failure> {
        let Some(stored) = self.stored() else { return Ok(false) };
        let wanted = stored.local_reference().to_string();
        let nodes = docker::nodes(platform.as_str()).await?;
        if nodes.is_empty() {
            return Err(Failure::new(Exit::PartWay, format!("cluster {platform} has no node any more")));
        }
        for node in nodes {
            if !images_of(&node.name).await?.contains(&wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn stored(&self) -> Option<Stored> {
        self.ingredients.store.find(self.image, &self.ingredients.key(self.image))
    }
}

/// Brings all images that are put together already into the nodes of a cluster that is still being made. What goes
/// wrong here is not told: the images' own steps look, and do what is missing.
pub(super) async fn bring_in_early(ingredients: &Ingredients, platform: &PlatformName, tell: impl Fn(&str)) {
    let images = ingredients.images().into_iter();
    let stored = images.filter_map(|image| ingredients.store.find(image, &ingredients.key(image))).collect();
    let _ = bring_in(stored, platform, tell).await;
}

async fn bring_in(images: Vec<Stored>, platform: &PlatformName, tell: impl Fn(&str)) -> Result<(), Failure> {
    let bytes = images.iter().map(Stored::size).sum();
    tell(&archiving(bytes));
    let archive = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
        // Without a name, so that a killed run leaves none behind.
        let mut file = tempfile::tempfile()?;
        write_archive(&images, std::io::BufWriter::with_capacity(1 << 20, &mut file))?;
        Ok(Arc::new(file))
    });
    let archive = archive.await.map_err(|error| Failure::of(Exit::Internal, &error))?.map_err(|error| {
        Failure::of(Exit::PartWay, &error)
            .while_doing("cannot write images to a temporary file")
            .hint("free some space where temporary files go (TMPDIR), then run the same command")
    })?;
    for node in docker::nodes(platform.as_str()).await? {
        tell(&importing(bytes, &node.name));
        docker::exec(&node.name)
            .args(["ctr", "-n", "k8s.io", "images", "import", "-"])
            .stdin_file(Arc::clone(&archive))
            .run()
            .await
            .map_err(|error| docker::explain(&error))?;
    }
    Ok(())
}

fn archiving(bytes: u64) -> String {
    format!("writing {} to one archive", size(bytes))
}

fn importing(bytes: u64, node: &str) -> String {
    format!("importing {} into {node}", size(bytes))
}

async fn images_of(node: &str) -> Result<BTreeSet<String>, Failure> {
    let begun = Instant::now();
    loop {
        let list = docker::exec(node).args(["ctr", "-n", "k8s.io", "images", "ls", "-q"]).run().await;
        match list {
            Ok(output) => return Ok(output.stdout.lines().map(str::to_owned).collect()),
            // A node that somebody has just started.
            Err(error) if error.said().contains(SOCKET) && begun.elapsed() < SOCKET_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Err(error) => return Err(docker::explain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_goes_where_is_told() {
        assert_eq!(archiving(60_200_000), "writing 60 MB to one archive");
        assert_eq!(
            importing(60_200_000, "devplat-control-plane"),
            "importing 60 MB into devplat-control-plane"
        );
    }
}
