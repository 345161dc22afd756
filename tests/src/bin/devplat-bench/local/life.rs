//! Measures the life of a platform several times: creates and deletes a bare cluster, then creates, observes, changes
//! and destroys a platform.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use devplat_tests::{call::Ended, platform::Platform};

use super::{
    image::{self, Delivered},
    maker::Maker,
    programs::Programs,
    rollout::{self, Rollout},
};
use crate::{
    figure::{Series, timed},
    output::say,
};

/// A limit that no verb ever reached.
const LONG: Duration = Duration::from_mins(5);

/// Seconds of each run, on clusters of one maker.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// The image of every node, the bare cluster's as well.
    pub(super) node_image: String,
    pub(super) create_bare: Series,
    pub(super) delete_bare: Series,
    pub(super) up: Series,
    pub(super) up_again: Series,
    pub(super) status: Series,
    pub(super) plan: Series,
    /// Until the new operator was rolled out.
    pub(super) rollout: Series,
    /// Until the end of the `up` that rolled it out.
    pub(super) rollout_whole: Series,
    pub(super) destroy: Series,
    /// Only with k3d, which has a peer.
    pub(super) delivered: Option<Delivered>,
}

/// Measures `runs` lives.
pub(super) async fn measure(maker: Maker, runs: usize, cache: &Path) -> Result<Life> {
    let platform = Platform::new(&format!("bench-{}", maker.name()))?.with_cache(cache);
    let bench = Bench { maker, programs: Programs::copy(&platform)?, platform };
    say(&format!("{}: a first platform, not measured", maker.name()));
    // It assembles the images and fills the page cache.
    bench.devplat(&maker.up())?;
    let mut life = Life { node_image: bench.node_image()?, ..Life::default() };
    bench.devplat(&["destroy", "--yes"])?;
    for run in 1..=runs {
        say(&format!("{}: run {run} of {runs}", maker.name()));
        bench.run(&mut life).await?;
    }
    if maker == Maker::K3d {
        say("k3d: a large image");
        bench.devplat(&maker.up())?;
        life.delivered = Some(image::measure(&bench.platform, &maker.node(&bench.platform), runs)?);
        bench.devplat(&["destroy", "--yes"])?;
    }
    // Not at the end of the program, because the figures of the next maker are measured before that.
    bench.platform.sweep()?;
    Ok(life)
}

struct Bench {
    maker: Maker,
    platform: Platform,
    programs: Programs,
}

impl Bench {
    async fn run(&self, life: &mut Life) -> Result<()> {
        let Self { maker, platform, programs } = self;
        life.create_bare.0.push(timed(|| maker.create_bare(platform, &life.node_image))?.0);
        life.delete_bare.0.push(timed(|| maker.delete_bare(platform))?.0);
        maker.clear_bare(platform)?;

        life.up.0.push(timed(|| self.devplat(&maker.up()))?.0);
        ensure!(self.node_image()? == life.node_image, "the platform has another node image than before");
        let (seconds, Ended { stderr, .. }) = timed(|| self.devplat(&maker.up()))?;
        ensure!(stderr.contains("nothing to change"), "the second `up` changed something:\n{stderr}");
        life.up_again.0.push(seconds);
        let (seconds, Ended { stdout, .. }) = timed(|| self.devplat(&["status"]))?;
        ensure!(stdout.contains("): ready\n"), "the platform is not ready:\n{stdout}");
        life.status.0.push(seconds);
        let (seconds, Ended { stdout, .. }) = timed(|| self.devplat(&maker.plan()))?;
        ensure!(stdout.contains("nothing to change"), "the plan changes something:\n{stdout}");
        life.plan.0.push(seconds);

        let Rollout { rolled_out, whole } = rollout::measure(*maker, platform, programs).await?;
        life.rollout.0.push(rolled_out);
        life.rollout_whole.0.push(whole);
        life.destroy.0.push(timed(|| self.devplat(&["destroy", "--yes"]))?.0);
        Ok(())
    }

    fn devplat(&self, args: &[&str]) -> Result<Ended> {
        self.programs.devplat(&self.platform, args)?.run(LONG)?.expect(0)
    }

    fn node_image(&self) -> Result<String> {
        let node = self.maker.node(&self.platform);
        let image = self.platform.docker(&["inspect", "--format", "{{.Config.Image}}", &node])?;
        Ok(image.trim().to_owned())
    }
}
