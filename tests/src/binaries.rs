//! The folder with Kubernetes' commands.

use std::{
    env,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

use crate::process;

/// The variable that names a folder with the commands.
pub const VARIABLE: &str = "DEVPLAT_TEST_BINARIES";

/// Returns the folder with Kubernetes' commands: the one that [`VARIABLE`] names, or else the one that
/// `tests/kubernetes/binaries` fills, which takes minutes the first time.
pub fn folder() -> Result<&'static Path> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOLDER.get_or_init(|| find().map_err(|error| format!("{error:#}")));
    match found {
        Ok(path) => Ok(path),
        Err(message) => bail!("{message}"),
    }
}

/// Returns the path of a command in the folder.
pub fn command(name: &str) -> Result<PathBuf> {
    let path = folder()?.join(name);
    if !path.is_file() {
        bail!("{} is missing: unset {VARIABLE}, or name a folder that has it", path.display());
    }
    Ok(path)
}

fn find() -> Result<PathBuf> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes/binaries");
    let said = process::output(&script, &[]).context("cannot get Kubernetes' commands")?;
    let last = said.lines().last().filter(|line| !line.is_empty());
    Ok(last.with_context(|| format!("{} named no folder", script.display()))?.into())
}
