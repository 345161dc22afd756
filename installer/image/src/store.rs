//! Where finished images lie: blobs by digest, and for each key a record of the image it gave. Everything is
//! written beside its place and moved there whole, so that an interrupted run leaves nothing half-made.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::{Digest, ImageName, Key, Reference, hash::Hashing, layer};

/// A folder of images.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// Content and where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    /// What OCI calls its kind.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// An image that lies whole in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Which image.
    pub name: ImageName,
    /// Its manifest; the manifest's digest is the image's.
    pub manifest: Blob,
    /// Its configuration.
    pub config: Blob,
    /// Its layers, lowest first.
    pub layers: Vec<Blob>,
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Record {
    manifest: Blob,
    config: Blob,
    layers: Vec<Blob>,
}

/// Why an image could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No room left.
    #[error("no space left in {} while image {name} is put together", folder.display())]
    DiskFull {
        /// The image.
        name: ImageName,
        /// Where there is no room.
        folder: PathBuf,
    },
    /// Reading or writing failed otherwise.
    #[error("cannot put image {name} together in {}", folder.display())]
    Io {
        /// The image.
        name: ImageName,
        /// The store.
        folder: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// A third of the bytes on their way into a node, through Docker, the node's containerd and their checksums, for less
/// processor time than these take; zstd's own default.
const LEVEL: i32 = 3;

impl Store {
    /// The store in `folder`, which is made when the first image comes.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The image that `key` gave, if all of it is still there.
    ///
    /// A record that does not parse, or whose blobs are absent or of another size, counts as absent: the image
    /// is then put together again.
    pub fn find(&self, name: ImageName, key: &Key) -> Option<Stored> {
        let text = fs::read(self.record_path(key)).ok()?;
        let Record { manifest, config, layers } = serde_json::from_slice(&text).ok()?;
        let stored = Stored { name, manifest, config, layers, folder: self.folder.clone() };
        let whole = |blob: &&Blob| {
            fs::metadata(stored.path(blob)).is_ok_and(|found| found.is_file() && found.len() == blob.size)
        };
        let all_whole = stored.blobs().all(|blob| whole(&blob));
        all_whole.then_some(stored)
    }

    /// Puts an image of programs together; the first of them is what it runs.
    pub fn assemble_programs(&self, name: ImageName, key: &Key, binaries: &[&Path]) -> Result<Stored, Error> {
        let config = json!({
            "User": format!("{0}:{0}", layer::NONROOT),
            "Entrypoint": [format!("/{name}")],
            "Env": ["PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
            "WorkingDir": "/",
            "Labels": labels(name),
        });
        self.assemble(name, key, &config, |out| layer::programs(binaries, out))
    }

    /// Puts the base image together from the tar of its root.
    pub fn assemble_base(&self, key: &Key, rootfs: impl Read) -> Result<Stored, Error> {
        let config = json!({
            "Cmd": ["/bin/bash"],
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
            ],
            "WorkingDir": "/home/dev",
            "Labels": labels(ImageName::Base),
        });
        self.assemble(ImageName::Base, key, &config, |out| layer::base(rootfs, out))
    }

    /// Takes the record of `key` away, so that the image is put together anew.
    pub fn forget(&self, key: &Key) {
        // An absent record is what is wanted.
        let _ = fs::remove_file(self.record_path(key));
    }

    fn assemble(
        &self,
        name: ImageName,
        key: &Key,
        config: &serde_json::Value,
        write_layer: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Stored, Error> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::DiskFull { name, folder: self.folder.clone() }
            }
            _ => Error::Io { name, folder: self.folder.clone(), source },
        };
        fs::create_dir_all(self.folder.join("blobs/sha256")).map_err(failed)?;
        let (layer, content) = self.keep_layer(write_layer).map_err(failed)?;
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": [content] },
        });
        let config = self.keep(CONFIG, |out| out.write_all(config.to_string().as_bytes())).map_err(failed)?;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
        let manifest =
            self.keep(MANIFEST, |out| out.write_all(manifest.to_string().as_bytes())).map_err(failed)?;
        let record = Record { manifest, config, layers: vec![layer] };
        let text = serde_json::to_vec(&record).expect("a record is JSON");
        self.write_whole(&self.record_path(key), |out| out.write_all(&text)).map_err(failed)?;
        let Record { manifest, config, layers } = record;
        Ok(Stored { name, manifest, config, layers, folder: self.folder.clone() })
    }

    /// Keeps a layer compressed, and gives the digest of what it is before that as well.
    fn keep_layer(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<(Blob, Digest)> {
        let mut content = None;
        let blob = self.keep(LAYER, |out| {
            let mut tar = Hashing::new(zstd::Encoder::new(out, LEVEL)?);
            write(&mut tar)?;
            let (compressed, digest, _) = tar.finish();
            compressed.finish()?;
            content = Some(digest);
            Ok(())
        })?;
        Ok((blob, content.expect("a kept layer was written")))
    }

    fn keep(
        &self,
        media_type: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Blob> {
        let temporary = NamedTempFile::new_in(&self.folder)?;
        let mut out = Hashing::new(BufWriter::with_capacity(1 << 20, temporary));
        write(&mut out)?;
        let (out, digest, size) = out.finish();
        let temporary = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary.persist(blob_path(&self.folder, &digest))?;
        Ok(Blob { media_type: media_type.to_owned(), digest, size })
    }

    fn write_whole(
        &self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut temporary = NamedTempFile::new_in(&self.folder)?;
        write(&mut temporary)?;
        temporary.persist(path)?;
        Ok(())
    }

    fn record_path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.file_name())
    }
}

impl Stored {
    /// What a pod names it by when it lies in the nodes.
    pub fn local_reference(&self) -> Reference {
        Reference::local(self.name, &self.manifest.digest)
    }

    /// All that it is made of: manifest, configuration, layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.manifest, &self.config].into_iter().chain(&self.layers)
    }

    /// The size of all of it, in bytes.
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).sum()
    }

    /// Opens one of its blobs.
    pub fn open(&self, blob: &Blob) -> io::Result<File> {
        File::open(self.path(blob))
    }

    /// Where one of its blobs lies.
    pub fn path(&self, blob: &Blob) -> PathBuf {
        blob_path(&self.folder, &blob.digest)
    }
}

fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs/sha256").join(digest.hex())
}

fn labels(name: ImageName) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("org.opencontainers.image.title", name.to_string()),
        ("org.opencontainers.image.vendor", "devplat".to_owned()),
    ])
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
