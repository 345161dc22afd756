//! Images as one OCI archive, to be imported into nodes.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
};

use serde_json::json;
use tar::{Builder, EntryType, Header};

use crate::{Digest, Stored, hash::Hashing};

/// Writes `images` as one OCI archive that containerd imports under their local references.
///
/// containerd takes the whole name from the annotation, digest and all, so that what a pod names is what is
/// listed; without it, it would name the images by the day of the import.
pub fn write_archive(images: &[Stored], out: impl Write) -> io::Result<()> {
    let mut tar = Builder::new(out);
    let manifests: Vec<_> = images
        .iter()
        .map(|image| {
            json!({
                "mediaType": image.manifest.media_type,
                "digest": image.manifest.digest,
                "size": image.manifest.size,
                "platform": { "architecture": "amd64", "os": "linux" },
                "annotations": { "io.containerd.image.name": image.local_reference().as_str() },
            })
        })
        .collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    })
    .to_string();
    add(&mut tar, "oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice(), 30)?;
    add(&mut tar, "index.json", index.as_bytes(), index.len() as u64)?;
    let mut written = BTreeSet::new();
    for image in images {
        for blob in image.blobs() {
            if written.insert(blob.digest.clone()) {
                let path = format!("blobs/sha256/{}", blob.digest.hex());
                let mut content = Verified::new(image.open(blob)?);
                add(&mut tar, &path, &mut content, blob.size)?;
                content.check(&blob.digest)?;
            }
        }
    }
    tar.into_inner()?.flush()
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

/// Passes a blob on and tells at its end whether it was the one that was meant.
struct Verified<R> {
    inner: R,
    seen: Hashing<io::Sink>,
}

impl<R: Read> Verified<R> {
    fn new(inner: R) -> Self {
        Self { inner, seen: Hashing::new(io::sink()) }
    }

    fn check(self, digest: &Digest) -> io::Result<()> {
        let (_, found, _) = self.seen.finish();
        if found == *digest {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("blob {digest} in the image store is damaged"),
        ))
    }
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.seen.write_all(&buffer[..read])?;
        Ok(read)
    }
}
