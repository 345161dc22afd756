//! The import of images into nodes of a local cluster, through containerd.

use std::{collections::HashSet, sync::Arc};

use devplat_image::{Digest, Stored, write_archive};
use devplat_plan::Physical;
use devplat_tool::{
    docker::{Container, Engine},
    local::containerd,
};

use super::Cx;
use crate::failure::{Exit, Failure};

/// Imports the missing ones of `images` into each node, without layers that its containerd has.
pub(super) async fn bring_in(
    images: Vec<Stored>,
    engine: &Engine,
    nodes: &[Container],
    cx: &Cx,
) -> Result<(), Failure> {
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
        let removal = containerd::remove(engine, &node.name, &names);
        let _ = cx.call(call, |()| Some(Physical(names.join(", "))), removal).await;
    }
    imported
}
