//! A registry on this machine that is not devplat's.

use std::fs;

use anyhow::Result;
use devplat_tests::{
    binaries,
    call::until,
    platform::{Platform, on_path},
    port,
    process::Process,
};

use crate::{life::small_disk, shared::LONG};

/// A registry with its data in the platform's home.
pub(crate) struct Registry {
    pub(crate) address: String,
    pub(crate) port: u16,
    _process: Process,
}

impl Registry {
    /// Starts a registry.
    pub(crate) fn start(platform: &Platform) -> Result<Self> {
        Self::start_in("registry", None, platform)
    }

    /// Starts a registry whose data is on a file system of this size.
    pub(crate) fn on_a_small_disk(size: &str, platform: &Platform) -> Result<Self> {
        Self::start_in("small-registry", Some(size), platform)
    }

    fn start_in(folder: &str, size: Option<&str>, platform: &Platform) -> Result<Self> {
        let [free] = port::free()?;
        let folder = platform.home().join(folder);
        let (config, data) = (folder.join("config.yaml"), folder.join("data"));
        fs::create_dir_all(&data)?;
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: ':{}'}}\n",
                data.display(),
                free.port()
            ),
        )?;
        let registry = binaries::command("registry")?;
        let serve = ["serve".to_owned(), config.display().to_string()];
        let (program, args) = match size {
            None => (registry, serve.to_vec()),
            Some(size) => {
                let own = [registry.display().to_string()];
                (on_path("unshare")?, [&small_disk(&data, size)[..], &own, &serve].concat())
            }
        };
        let mut process = Process::start(&program, &args, &folder.join("log"))?;
        until("the registry", LONG, || {
            process.check()?;
            Ok(std::net::TcpStream::connect(free).ok())
        })?;
        Ok(Self { address: format!("localhost:{}", free.port()), port: free.port(), _process: process })
    }
}
