//! Measures the time until a node has a large image of which one small layer changed: through the platform's own
//! registry, and by `k3d image import`. devplat has no command for images of users. They push to its registry with any
//! tool, so this uses `docker push`.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::PathBuf,
};

use anyhow::{Context, Result};
use devplat_tests::{
    bare,
    platform::{LABEL, Platform},
};

use crate::figure::{Series, timed};

/// The bytes of the layer that all versions share.
const SIZE: u64 = 1_000_000_000;
/// A tar archive without files: two empty blocks.
const EMPTY_ARCHIVE: [u8; 1024] = [0; 1024];

/// Seconds until the node had a version.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Through the registry, each with one small layer changed.
    pub(super) by_registry: Series,
    /// By `k3d image import`, the same versions.
    pub(super) by_import: Series,
    /// The first version, with all of its layers: through the registry, by import.
    pub(super) first: (f64, f64),
}

/// Measures `runs` changes on a running platform.
pub(super) fn measure(platform: &Platform, node: &str, runs: usize) -> Result<Delivered> {
    let bench = Bench::new(platform, node)?;
    bench.build_first()?;
    let first = bench.deliver("v0")?;
    let mut delivered = Delivered { first, ..Delivered::default() };
    for run in 1..=runs {
        let version = format!("v{run}");
        bench.change(&version)?;
        let (by_registry, by_import) = bench.deliver(&version)?;
        delivered.by_registry.0.push(by_registry);
        delivered.by_import.0.push(by_import);
    }
    Ok(delivered)
}

struct Bench<'a> {
    platform: &'a Platform,
    node: &'a str,
    /// The image's name in the engine.
    name: String,
    /// The same image as the engine pushes it.
    pushed: String,
    /// The same image as the node pulls it.
    pulled: String,
    /// A folder for files that go into the image.
    folder: PathBuf,
}

impl<'a> Bench<'a> {
    fn new(platform: &'a Platform, node: &'a str) -> Result<Self> {
        let registry = format!("devplat-{}-registry", platform.name);
        let bound = platform.docker(&["port", &registry, "5000/tcp"])?;
        let address = bound.lines().next().with_context(|| format!("container {registry} has no port"))?;
        let folder = platform.home().join("image");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            platform,
            node,
            name: format!("devplat-bench/{}", platform.name),
            pushed: format!("{address}/bench/large"),
            pulled: format!("{registry}:5000/bench/large"),
            folder,
        })
    }

    /// Builds the first version: one layer of random bytes, which cannot be compressed.
    fn build_first(&self) -> Result<()> {
        let archive = self.folder.join("empty.tar");
        fs::write(&archive, EMPTY_ARCHIVE)?;
        let (archive, label) =
            (archive.display().to_string(), format!("LABEL {LABEL}={}", self.platform.name));
        let empty = format!("{}:empty", self.name);
        self.platform.docker(&["import", "--change", &label, &archive, &empty])?;
        let data = self.folder.join("data");
        io::copy(&mut File::open("/dev/urandom")?.take(SIZE), &mut File::create(&data)?)?;
        self.add("empty", "data", "v0")?;
        Ok(fs::remove_file(data)?)
    }

    /// Builds another version: the first one plus a layer with one line.
    fn change(&self, version: &str) -> Result<()> {
        fs::write(self.folder.join("line"), format!("{version}\n"))?;
        self.add("v0", "line", version)
    }

    /// Builds version `new` from version `old` plus a layer with one file.
    fn add(&self, old: &str, file: &str, new: &str) -> Result<()> {
        let (container, name) = (format!("{}-image", self.platform.name), &self.name);
        let docker = |args: &[&str]| self.platform.docker(args);
        // The container is never started, so the command need not exist. It gets the image's label.
        docker(&["create", "--name", &container, &format!("{name}:{old}"), "none"])?;
        let from = self.folder.join(file).display().to_string();
        docker(&["cp", &from, &format!("{container}:/{file}")])?;
        docker(&["commit", &container, &format!("{name}:{new}")])?;
        docker(&["rm", &container]).map(|_| ())
    }

    /// Delivers a version to the node in both ways and returns the seconds of each. The registry comes first: the node
    /// keeps the unpacked layers, so the import, our peer, gets the advantage.
    fn deliver(&self, version: &str) -> Result<(f64, f64)> {
        let of = |name: &str| format!("{name}:{version}");
        let (name, pushed, pulled) = (of(&self.name), of(&self.pushed), of(&self.pulled));
        self.platform.docker(&["tag", &name, &pushed])?;
        let (by_registry, ()) = timed(|| {
            self.platform.docker(&["push", &pushed])?;
            self.in_node(&["crictl", "pull", &pulled])
        })?;
        let import = ["image", "import", &name, "--cluster", &self.platform.name, "--mode", "direct"];
        let (by_import, ()) = timed(|| bare::k3d(self.platform, &import))?;
        // `k3d image import` can end with status 0 after a failure.
        self.in_node(&["crictl", "inspecti", &name]).context("k3d imported nothing")?;
        Ok((by_registry, by_import))
    }

    fn in_node(&self, command: &[&str]) -> Result<()> {
        self.platform.docker(&[&["exec", self.node], command].concat()).map(|_| ())
    }
}
