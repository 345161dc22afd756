//! The store of finished images: blobs by digest, and for each key a record of its image. Each file is written beside
//! its place and renamed when it is complete, so that an interrupted run leaves no half-written file.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Digest, ImageName, Key, Reference,
    file::{Access, replace_in},
    hash::Hashing,
    layer,
};

/// A folder of images.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A file of the store, with its type and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blob {
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A complete image in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The image's name.
    pub name: ImageName,
    /// Its manifest; the manifest's digest is the image's.
    pub manifest: Blob,
    /// Its configuration.
    pub config: Blob,
    /// Its layers, lowest first.
    pub layers: Vec<Blob>,
    folder: PathBuf,
}

/// The result of a search in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The complete image; only the sizes of its blobs were checked.
    Whole(Stored),
    /// Nothing.
    Absent,
    /// An image that must be assembled again.
    Damaged(ImageDamage),
}

impl Finding {
    /// Returns the image if it is complete.
    pub fn whole(self) -> Option<Stored> {
        match self {
            Self::Whole(stored) => Some(stored),
            Self::Absent | Self::Damaged(_) => None,
        }
    }
}

/// Damage of an image in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageDamage {
    /// Its record does not parse.
    #[error("{} is not the record of an image", .0.display())]
    Record(PathBuf),
    /// A blob is missing.
    #[error("blob {0} is absent")]
    Absent(Digest),
    /// A blob is of another size.
    #[error("blob {digest} has {size} bytes, not {wanted}")]
    Size {
        /// The blob.
        digest: Digest,
        /// Its bytes.
        size: u64,
        /// The bytes that its record names.
        wanted: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct ImageRecord {
    manifest: Blob,
    config: Blob,
    layers: Vec<Blob>,
}

/// The reason why an image could not be assembled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no space left in {} for image {name}", folder.display())]
    DiskFull {
        /// The image.
        name: ImageName,
        /// The folder on the full disk.
        folder: PathBuf,
    },
    /// The store cannot be read.
    #[error("cannot read {} of image {name}", path.display())]
    Unreadable {
        /// The image.
        name: ImageName,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Reading or writing failed otherwise.
    #[error("cannot assemble image {name} in {}", folder.display())]
    Io {
        /// The image.
        name: ImageName,
        /// The store.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Error {
    /// The remedy.
    pub fn hint(&self) -> String {
        match self {
            Self::DiskFull { folder, .. } => format!("free some space in {}", folder.display()),
            Self::Unreadable { path, .. } => format!("let this user read {}, or delete it", path.display()),
            Self::Io { folder, .. } => {
                format!("is {} a folder that this user can write to?", folder.display())
            }
        }
    }
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// zstd's default. Compression leaves a third of the bytes, and costs less processor time than Docker, containerd and
/// their checksums would need for the other two thirds.
const LEVEL: i32 = 3;

impl Store {
    /// The store in `folder`, which is created with the first image.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks for the image of `key`. Fails if the store cannot be read.
    pub fn find(&self, name: ImageName, key: &Key) -> Result<Finding, Error> {
        let path = self.record_path(key);
        let unreadable = |path: &Path, source| Error::Unreadable { name, path: path.to_owned(), source };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finding::Absent),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let Ok(ImageRecord { manifest, config, layers }) = serde_json::from_slice(&text) else {
            return Ok(Finding::Damaged(ImageDamage::Record(path)));
        };
        let stored = Stored { name, manifest, config, layers, folder: self.folder.clone() };
        for blob in stored.blobs() {
            let path = stored.path(blob);
            match fs::metadata(&path) {
                Ok(found) if found.is_file() && found.len() == blob.size => {}
                Ok(found) => {
                    let (digest, size) = (blob.digest.clone(), found.len());
                    return Ok(Finding::Damaged(ImageDamage::Size { digest, size, wanted: blob.size }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Finding::Damaged(ImageDamage::Absent(blob.digest.clone())));
                }
                Err(error) => return Err(unreadable(&path, error)),
            }
        }
        Ok(Finding::Whole(stored))
    }

    /// Assembles an image of programs; the first one is its entrypoint.
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

    /// Assembles the base image from the tar of its root.
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

    /// Deletes the record of `key`, so that the image is assembled again.
    pub fn forget(&self, key: &Key) {
        // The record may already be absent.
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
        let record = ImageRecord { manifest, config, layers: vec![layer] };
        let text = serde_json::to_vec(&record).expect("a record is JSON");
        let record_path = self.record_path(key);
        replace_in(&self.folder, Access::Private, |file| file.write_all(&text).map(|()| (record_path, ())))
            .map_err(failed)?;
        let ImageRecord { manifest, config, layers } = record;
        Ok(Stored { name, manifest, config, layers, folder: self.folder.clone() })
    }

    /// Writes a layer compressed; also returns the digest of its uncompressed bytes.
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
        replace_in(&self.folder, Access::Private, |file| {
            let mut out = Hashing::new(BufWriter::with_capacity(1 << 20, file));
            write(&mut out)?;
            let (mut out, digest, size) = out.finish();
            out.flush()?;
            let path = blob_path(&self.folder, &digest);
            Ok((path, Blob { media_type: media_type.to_owned(), digest, size }))
        })
    }

    fn record_path(&self, key: &Key) -> PathBuf {
        self.folder.join(key.file_name())
    }
}

impl Stored {
    /// Its reference in pods if it was imported into the nodes.
    pub fn local_reference(&self) -> Reference {
        Reference::local(self.name, &self.manifest.digest)
    }

    /// Its reference in pods if it was loaded into nodes whose image store may keep only tags.
    pub fn tagged_reference(&self) -> Reference {
        Reference::local_tag(self.name, &self.manifest.digest)
    }

    /// Its blobs: manifest, configuration, layers.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        [&self.manifest, &self.config].into_iter().chain(&self.layers)
    }

    /// The size of all blobs, in bytes.
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).sum()
    }

    /// Opens one of its blobs.
    pub fn open(&self, blob: &Blob) -> io::Result<File> {
        File::open(self.path(blob))
    }

    /// The path of one of its blobs.
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
