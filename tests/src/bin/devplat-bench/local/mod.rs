//! Measures platforms on clusters of this machine, each figure beside its peer in the same run. The peers are clusters
//! that k3d or kind creates without devplat from the same node image, and `k3d image import`. The goals are those of
//! the project; a missed goal is printed and does not change the exit status.

mod goal;
mod image;
mod life;
mod maker;
mod programs;
mod report;
mod rollout;

use anyhow::Result;
use devplat_tests::folder::Folder;

use self::maker::Maker;

/// Measures `runs` times on each maker's clusters. Returns the table and its notes, in Markdown.
pub(crate) async fn measure(runs: usize) -> Result<String> {
    // Both platforms use the same base image of dev servers, which takes a minute to assemble.
    let cache = Folder::new()?;
    let mut lines = Vec::new();
    let mut notes = Vec::new();
    for maker in [Maker::K3d, Maker::Kind] {
        let life = life::measure(maker, runs, cache.path()).await?;
        lines.extend(report::lines(maker, &life));
        notes.push(report::about_nodes(maker, &life.node_image));
    }
    notes.extend(report::NOTES.map(str::to_owned));
    Ok(report::table(&lines, &notes))
}
