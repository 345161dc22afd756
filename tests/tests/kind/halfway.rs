//! SIGKILL while Docker is working on a call of kind or k3d. No line of a run marks these moments, so a run is killed
//! fractions of a second after the line on its cluster, or as soon as Docker lists the node.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    call::{Call, Running, until},
    platform::Platform,
};
use rustix::process::Signal;

use crate::{
    lane::docker_changes,
    machine::only,
    shared::{LONG, with_shared_cache},
    traces::{destroyed, nothing_is_left},
};

/// The processes that a kill ends.
#[derive(Debug, Clone, Copy)]
enum Victims {
    /// devplat. The kernel ends kind or k3d with it, but not `docker run`, which kind has started.
    Devplat,
    /// devplat, started without setpriv on its PATH, so that kind or k3d goes on until it prints its next line.
    DevplatWithoutSetpriv,
    /// devplat and all its descendants.
    Family,
}

/// The moment of a kill of `up`, after its line on the creation of the cluster.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After this many milliseconds.
    Millis(u64),
    /// When Docker lists the first node. It cannot be read yet while Docker copies the volumes of its image.
    NodeListed,
}

/// A platform on kind or k3d.
struct Subject {
    platform: &'static Platform,
    profile: &'static str,
    /// The container of the first node.
    node: String,
    /// When `up` is killed, in milliseconds.
    millis: &'static [u64],
    /// The anonymous volumes that nodes had at any kill.
    volumes: BTreeSet<String>,
}

pub(crate) fn kind_platform_converges_after_kills_in_the_first_second() -> Result<()> {
    let platform = with_shared_cache("half-kind")?;
    let node = format!("{}-control-plane", platform.name);
    let millis = &[400, 500, 600, 900];
    Subject { platform, profile: "kind", node, millis, volumes: BTreeSet::new() }.kill()
}

pub(crate) fn k3d_platform_converges_after_kills_in_the_first_second() -> Result<()> {
    let platform = with_shared_cache("half-k3d")?;
    let node = format!("k3d-{}-server-0", platform.name);
    let millis = &[300, 500, 700];
    Subject { platform, profile: "k3d", node, millis, volumes: BTreeSet::new() }.kill()
}

impl Subject {
    fn kill(mut self) -> Result<()> {
        use Victims::{Devplat, DevplatWithoutSetpriv, Family};
        let _changes = docker_changes();
        // Each run continues from what the killed one has left, with Docker perhaps still working on it.
        for (victims, last) in [(Devplat, DevplatWithoutSetpriv), (Family, Family)] {
            for millis in self.millis {
                self.kill_up(victims, Moment::Millis(*millis))?;
            }
            self.kill_up(last, Moment::NodeListed)?;
        }
        self.up_until_the_cluster_answers()?;
        let mut hits = 0;
        for (victims, millis) in [(Family, 150), (Devplat, 200)] {
            hits += usize::from(self.kill_destroy(victims, millis)?);
        }
        self.destroy()?;
        for (victims, millis) in [(Devplat, 150), (Family, 200)] {
            self.kill_up(victims, Moment::NodeListed)?;
            hits += usize::from(self.kill_destroy(victims, millis)?);
            self.destroy()?;
        }
        // The second and later deletions may end sooner.
        ensure!(hits >= 2, "only {hits} of 4 kills hit a `destroy` that was deleting the cluster");
        Ok(())
    }

    /// Kills `up` before its cluster is ready. Fails if `up` has ended or its cluster is ready at this moment.
    fn kill_up(&mut self, victims: Victims, moment: Moment) -> Result<()> {
        let running = self.run(&self.up(), victims)?.start()?;
        reached(&running, "create cluster (")?;
        match moment {
            Moment::Millis(millis) => pass(millis)?,
            Moment::NodeListed => {
                until("Docker to list the node", LONG, || Ok(self.mounts()?.map(drop)))?;
            }
        }
        let ended = self.end(running, victims).with_context(|| format!("{victims:?} at {moment:?}"))?;
        let said = ended.context("`up` ended before it was killed")?;
        ensure!(!said.contains("cluster: create done"), "the cluster was ready before the kill:\n{said}");
        self.volumes.extend(self.mounts()?.into_iter().flatten());
        Ok(())
    }

    /// Kills `destroy` after the line on the cluster. Returns false if the cluster was already gone.
    fn kill_destroy(&mut self, victims: Victims, millis: u64) -> Result<bool> {
        let mut running = self.run(&["destroy", "--yes"], victims)?.start()?;
        let deletes = until("the deletion of the cluster", LONG, || {
            let begun = running.stderr()?.contains("delete cluster (");
            Ok(if begun || !running.runs()? { Some(begun) } else { None })
        })?;
        if deletes {
            pass(millis)?;
        }
        let said = self.end(running, victims)?;
        Ok(deletes && said.is_some_and(|said| !said.contains("cluster: delete done")))
    }

    fn up_until_the_cluster_answers(&mut self) -> Result<()> {
        let running = self.platform.devplat(&self.up())?.start()?;
        // The API server has accepted objects.
        reached(&running, "release crds: create done")?;
        running.signal(Signal::INT)?;
        running.wait(LONG)?.expect(4)?;
        self.volumes.extend(self.mounts()?.context("the cluster has no node")?);
        Ok(())
    }

    /// Runs `destroy` to its end, and looks for leftovers when the processes of killed runs have ended as well.
    fn destroy(&self) -> Result<()> {
        destroyed(self.platform)?;
        let ended = || Ok(self.platform.processes()?.is_empty().then_some(()));
        until("the processes of killed runs to end", LONG, ended)?;
        nothing_is_left(self.platform)?;
        let all = self.platform.docker(&["volume", "ls", "--quiet"])?;
        let left: Vec<&str> = all.lines().filter(|volume| self.volumes.contains(*volume)).collect();
        ensure!(left.is_empty(), "volumes of nodes are left: {left:?}");
        Ok(())
    }

    fn up(&self) -> [&'static str; 6] {
        // No run here gets as far as a dev server, so none spends time on an image for it.
        ["up", "--profile", self.profile, "--yes", "--set", "devServers.image=registry.example/dev:1"]
    }

    fn run(&self, args: &[&str], victims: Victims) -> Result<Call> {
        let call = self.platform.devplat(args)?;
        Ok(match victims {
            Victims::Devplat | Victims::Family => call,
            Victims::DevplatWithoutSetpriv => {
                call.env("PATH", only(self.platform, &["docker", "kind", "k3d"])?)
            }
        })
    }

    /// Kills a run, and returns its standard error; `None` if it has succeeded before.
    fn end(&self, running: Running, victims: Victims) -> Result<Option<String>> {
        running.signal(Signal::KILL)?;
        match victims {
            Victims::Family => self.platform.kill_processes()?,
            Victims::Devplat | Victims::DevplatWithoutSetpriv => {}
        }
        let ended = running.wait(LONG)?;
        ensure!(matches!(ended.status, None | Some(0)), "{ended:?}");
        Ok(ended.status.is_none().then_some(ended.stderr))
    }

    /// Returns the mounts of the node, of which the volumes have names; `None` if Docker does not list it.
    fn mounts(&self) -> Result<Option<Vec<String>>> {
        let name = format!("name=^{}$", self.node);
        let list = ["ps", "--all", "--no-trunc", "--filter", &name, "--format", "{{.Names}},{{.Mounts}}"];
        let said = self.platform.docker(&list)?;
        Ok(said.lines().next().map(|line| line.split(',').skip(1).map(str::to_owned).collect()))
    }
}

/// Waits for a line of a run that must not end before.
fn reached(running: &Running, line: &str) -> Result<()> {
    until(line, LONG, || {
        let said = running.stderr()?;
        ensure!(!said.contains("error:") && !said.contains("ready: platform"), "{said}");
        Ok(said.lines().any(|one| one.starts_with(line)).then_some(()))
    })
}

fn pass(millis: u64) -> Result<()> {
    let (begun, time) = (Instant::now(), Duration::from_millis(millis));
    until("the moment of the kill", LONG, || Ok((begun.elapsed() >= time).then_some(())))
}
