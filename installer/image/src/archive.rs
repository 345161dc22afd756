//! Images as one OCI archive, to be imported into nodes.

use std::{
    collections::HashSet,
    hash::BuildHasher,
    io::{self, Read, Write},
};

use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::{Blob, Digest, Reference, Stored, hash::Hashing};

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A blob cannot be read.
    #[error("cannot read blob {digest} of the image store")]
    Blob {
        /// The blob.
        digest: Digest,
        /// The reason.
        source: io::Error,
    },
    /// A blob does not match its digest.
    #[error("blob {digest} in the image store is damaged")]
    Damaged {
        /// The blob.
        digest: Digest,
    },
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}

/// Writes `images` as one OCI archive that containerd imports under their local references. The blobs in `skip` are
/// left out: containerd must have them in its store already.
///
/// containerd takes the whole name, digest included, from the annotation, so it lists the image under the reference
/// that pods use. Without the annotation it would name the images by the day of the import.
pub fn write_archive<S: BuildHasher>(
    images: &[Stored],
    skip: &HashSet<Digest, S>,
    out: impl Write,
) -> Result<(), ArchiveError> {
    write(images, skip, Stored::local_reference, None, out)
}

/// Writes `images` as one archive that both `ctr images import` and `docker load` take, under their tagged references.
///
/// Docker's own image store reads only `manifest.json`, where it rejects a name with a digest. containerd, also below
/// Docker, reads `index.json`.
pub fn write_tagged_archive(images: &[Stored], out: impl Write) -> Result<(), ArchiveError> {
    let manifests: Vec<_> = images
        .iter()
        .map(|image| {
            let layers: Vec<String> = image.layers.iter().map(|layer| path(&layer.digest)).collect();
            json!({
                "Config": path(&image.config.digest),
                "RepoTags": [image.tagged_reference().as_str()],
                "Layers": layers,
            })
        })
        .collect();
    let manifests = json!(manifests).to_string();
    write(images, &HashSet::<Digest>::new(), Stored::tagged_reference, Some(&manifests), out)
}

/// Writes an archive in which `name` names the images, with the `manifest.json` of `docker save` if there is one.
fn write<S: BuildHasher>(
    images: &[Stored],
    skip: &HashSet<Digest, S>,
    name: fn(&Stored) -> Reference,
    manifest: Option<&str>,
    out: impl Write,
) -> Result<(), ArchiveError> {
    let mut tar = Builder::new(out);
    let manifests: Vec<_> = images
        .iter()
        .map(|image| {
            json!({
                "mediaType": image.manifest.media_type,
                "digest": image.manifest.digest,
                "size": image.manifest.size,
                "platform": { "architecture": "amd64", "os": "linux" },
                "annotations": { "io.containerd.image.name": name(image).as_str() },
            })
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
    .to_string();
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice();
    add(&mut tar, "oci-layout", layout, layout.len() as u64).map_err(ArchiveError::Write)?;
    add(&mut tar, "index.json", index.as_bytes(), index.len() as u64).map_err(ArchiveError::Write)?;
    if let Some(text) = manifest {
        add(&mut tar, "manifest.json", text.as_bytes(), text.len() as u64).map_err(ArchiveError::Write)?;
    }
    let mut written = HashSet::new();
    for image in images {
        for blob in image.blobs() {
            if !skip.contains(&blob.digest) && written.insert(&blob.digest) {
                add_blob(&mut tar, image, blob)?;
            }
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(ArchiveError::Write)
}

/// The place of a blob in an archive.
fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn add_blob(tar: &mut Builder<impl Write>, image: &Stored, blob: &Blob) -> Result<(), ArchiveError> {
    let digest = &blob.digest;
    let unreadable = |source| ArchiveError::Blob { digest: digest.clone(), source };
    let mut content = Verified::new(image.open(blob).map_err(unreadable)?);
    let added = add(tar, &path(digest), &mut content, blob.size);
    match (content.failed.take(), added) {
        (Some(kind), _) => Err(unreadable(kind.into())),
        (None, Err(error)) => Err(ArchiveError::Write(error)),
        (None, Ok(())) if content.digest() == *digest => Ok(()),
        (None, Ok(())) => Err(ArchiveError::Damaged { digest: digest.clone() }),
    }
}

fn add(tar: &mut Builder<impl Write>, path: &str, content: impl Read, size: u64) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    tar.append_data(&mut header, path, content.take(size))
}

/// A reader that passes a blob on and verifies its digest at the end.
struct Verified<R> {
    inner: R,
    seen: Hashing<io::Sink>,
    /// The error of a failed read; the archive writer reports only errors of writing.
    failed: Option<io::ErrorKind>,
}

impl<R: Read> Verified<R> {
    fn new(inner: R) -> Self {
        Self { inner, seen: Hashing::new(io::sink()), failed: None }
    }

    fn digest(self) -> Digest {
        let (_, found, _) = self.seen.finish();
        found
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer).inspect_err(|error| self.failed = Some(error.kind()))?;
        self.seen.write_all(&buffer[..read])?;
        Ok(read)
    }
}
