//! The traces of a killed run and of a destroyed platform.

use std::fs;

use anyhow::{Result, ensure};
use devplat_tests::{call::Ended, platform::Platform};

/// Runs destroy. A run that was killed before its first step has left nothing to destroy.
pub(crate) fn destroyed(platform: &Platform) -> Result<()> {
    let ended = platform.run(&["destroy", "--yes"])?;
    ensure!(ended.status == Some(0), "{ended:?}");
    ends_with_nothing(&ended)
}

/// Checks that a successful destroy reports that nothing but homes is left, or that nothing was there.
pub(crate) fn ends_with_nothing(ended: &Ended) -> Result<()> {
    let reports = ["; nothing is left", "; kept: 1 home (", "no resource of platform"];
    ensure!(reports.iter().any(|report| ended.stderr.contains(report)), "{}", ended.stderr);
    Ok(())
}

/// Checks that there are no leftovers in Docker and among devplat's files.
pub(crate) fn nothing_is_left(platform: &Platform) -> Result<()> {
    let traces = platform.traces()?;
    ensure!(!traces.contains(&platform.name), "{traces}");
    ensure!(traces.contains("kubeconfig: None"), "{traces}");
    ensure!(!platform.state().exists(), "{} is left", platform.state().display());
    Ok(())
}

/// Deletes the journal, as a user may do.
pub(crate) fn forget_journal(platform: &Platform) -> Result<()> {
    match fs::remove_file(platform.state().join("journal.jsonl")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
