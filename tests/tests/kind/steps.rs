//! Kills `up` and `destroy` in each of their steps, in a cluster of any provider. The next run continues from the
//! resources that it finds, with or without the journal.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use devplat_tests::{
    call::{Ended, Running, until},
    platform::Platform,
};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    shared::{LONG, status},
    traces::{ends_with_nothing, forget_journal},
};

const DESTROY: [&str; 2] = ["destroy", "--yes"];
/// kubectl in a kind node.
const OF_KIND: &[&str] = &["kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf"];

/// A platform, and the peculiarities of its provider.
pub(crate) struct Subject<'a> {
    platform: &'a Platform,
    /// The arguments of `up` and `plan` that name profile and cluster.
    profile: &'a [&'a str],
    /// The container of the first node.
    node: String,
    /// kubectl in that container. It does not need the kubeconfig in the state folder, which is a step's result.
    kubectl: &'a [&'a str],
    /// After a kill in a step with an odd number of letters, the journal is deleted, or else kept; if this is set, the
    /// reverse. kind has one half and k3d the other. That is enough, because no owner, state or comparison depends on the
    /// journal: it explains to people which steps were under way and which node was lost, and `destroy` waits for calls
    /// in it.
    reversed: bool,
    /// The steps in which `up` is killed twice, with and without the journal.
    twice: Twice<'a>,
    /// The beginnings of lines within a step, at which `up` is killed as well.
    moments: &'a [&'a str],
    /// Part of the message of a `destroy` that finds nothing.
    unknown: &'a str,
}

/// The steps that are killed twice.
#[derive(Debug, Clone, Copy)]
enum Twice<'a> {
    /// All.
    Each,
    /// The steps of these names.
    Only(&'a [&'a str]),
}

impl<'a> Subject<'a> {
    /// Returns a platform on kind.
    pub(crate) fn kind(platform: &'a Platform) -> Self {
        Self {
            platform,
            profile: &["--profile", "kind"],
            node: format!("{}-control-plane", platform.name),
            kubectl: OF_KIND,
            reversed: false,
            twice: Twice::Only(&[]),
            moments: &[],
            unknown: "is neither known nor found here",
        }
    }

    /// Returns a platform on k3d, with a registry of its own.
    pub(crate) fn k3d(platform: &'a Platform) -> Self {
        Self {
            profile: &["--profile", "k3d"],
            node: format!("k3d-{}-server-0", platform.name),
            // The image of the node sets the kubeconfig.
            kubectl: &["kubectl"],
            reversed: true,
            // The steps that no other subject has.
            twice: Twice::Only(&["local registry", "registry announcement", "pull of devserver-base"]),
            // At that line, k3d has created containers, but the cluster is not complete.
            moments: &["cluster: Starting node"],
            ..Self::kind(platform)
        }
    }

    /// Returns a platform in a kind cluster of the same name that devplat did not create. Each of its 12 steps (images in
    /// the nodes, releases, ssh configuration, proof) is killed twice, which makes 24 kills: here they cost seconds,
    /// because no cluster is created.
    pub(crate) fn existing(platform: &'a Platform, profile: &'a [&'a str]) -> Self {
        let unknown = "the found resources are not this platform's";
        Self { profile, reversed: true, twice: Twice::Each, unknown, ..Self::kind(platform) }
    }

    /// Kills `up` in each step, one after the other. Each `up` continues from the resources that it finds, and the last
    /// one ends with a platform that needs no change.
    pub(crate) fn kill_up_in_each_step(&self) -> Result<()> {
        let mut left = self.steps()?;
        ensure!(left.len() >= 10, "a platform has more steps than {left:?}");
        left.extend(self.moments.iter().map(|moment| (*moment).to_owned()));
        let mut once = BTreeSet::new();
        while !left.is_empty() {
            self.undo_finished(&left)?;
            // With -v the lines of kind and k3d are printed as well.
            let up = [&self.up()[..], &["-v"]].concat();
            let running = self.platform.devplat(&up)?.start()?;
            let (mut killed, ended) = kill_in(running, |said| self.next(said, &left).into_iter().collect())?;
            let Some(step) = killed.pop_first() else {
                bail!("ended before it was killed in {left:?}: {ended:?}");
            };
            ensure!(ended.status.is_none(), "ended before it was killed in {step}: {ended:?}");
            let again = self.twice.contains(&step) && once.insert(step.clone());
            if !again {
                left.remove(&step);
            }
            if self.loses_journal(&step) != again {
                forget_journal(self.platform)?;
            }
        }
        let last = self.platform.run(&self.up())?.expect(0)?;
        ensure!(last.stderr.contains("ready: platform"), "{}", last.stderr);
        let again = self.platform.run(&self.up())?.expect(0)?;
        ensure!(again.stderr.contains("nothing to change"), "{}", again.stderr);
        let status = status(self.platform)?;
        ensure!(status["ready"] == true, "{status:#}");
        Ok(())
    }

    /// Kills `destroy` in each of `steps`, then lets it end. A deletion cannot be repeated, so a kill counts for all
    /// steps that have begun.
    pub(crate) fn kill_destroy_in_each_of(&self, steps: &[&str]) -> Result<()> {
        let mut left: BTreeSet<String> = steps.iter().map(|step| (*step).to_owned()).collect();
        while !left.is_empty() {
            let running = self.platform.devplat(&DESTROY)?.start()?;
            let (killed, ended) = kill_in(running, |said| {
                begun(said).filter(|step| left.contains(*step)).map(str::to_owned).collect()
            })?;
            // The kill may come after the last deletion.
            ensure!(matches!(ended.status, None | Some(0)), "{ended:?}");
            let Some(first) = killed.first() else {
                bail!("destroyed before it was killed in {left:?}: {ended:?}");
            };
            if self.loses_journal(first) {
                forget_journal(self.platform)?;
            }
            left.retain(|step| !killed.contains(step));
        }
        let last = self.platform.run(&DESTROY)?;
        let again = if last.status == Some(0) {
            ends_with_nothing(&last)?;
            self.platform.run(&DESTROY)?
        } else {
            last
        };
        let again = again.expect(2)?;
        ensure!(again.stderr.contains(self.unknown), "{}", again.stderr);
        Ok(())
    }

    fn up(&self) -> Vec<&str> {
        [&["up"][..], self.profile, &["--yes"]].concat()
    }

    /// Returns the names of the steps in the current plan.
    fn steps(&self) -> Result<BTreeSet<String>> {
        let arguments = [&["plan"][..], self.profile, &["--output", "json"]].concat();
        let said = self.platform.run(&arguments)?.expect(0)?.stdout;
        let plan: Value = serde_json::from_str(&said)?;
        let steps = plan["steps"].as_array().context("a plan has steps")?;
        let acts = steps.iter().filter(|step| step["action"] != "keep");
        Ok(acts.filter_map(|step| step["id"].as_str()).map(str::to_owned).collect())
    }

    /// Returns whether the journal is deleted after a kill in `step`. The order of the kills differs from run to run,
    /// so the name decides.
    fn loses_journal(&self, step: &str) -> bool {
        (step.len() % 2 == 1) != self.reversed
    }

    /// Returns the step or moment of `left` to kill a run in; `None` if it has begun none of them.
    fn next(&self, said: &str, left: &BTreeSet<String>) -> Option<String> {
        let reached = |line: &str| self.moments.iter().copied().find(|moment| line.starts_with(*moment));
        let all = begun(said).chain(said.lines().filter_map(reached));
        all.filter(|step| left.contains(*step)).min_by_key(|step| rank(step)).map(str::to_owned)
    }

    /// Undoes steps of `left` that ended before their run was killed in another step, so that the next run repeats
    /// them.
    fn undo_finished(&self, left: &BTreeSet<String>) -> Result<()> {
        let to_do = self.steps()?;
        let finished = left.difference(&to_do).filter(|step| !self.moments.contains(&step.as_str()));
        for step in finished {
            self.undo(step).with_context(|| format!("cannot undo {step:?}"))?;
        }
        Ok(())
    }

    fn undo(&self, step: &str) -> Result<()> {
        let state = self.platform.state();
        if let Some(image) = step.strip_prefix("image ") {
            return match (image.strip_suffix(" in the nodes"), image.strip_suffix(" in the registry")) {
                (Some(image), _) => self.forget_in_node(image),
                (None, Some(_)) => self.delete_registry(),
                (None, None) => forget_image(self.platform, image),
            };
        }
        if let Some(release) = step.strip_prefix("release ") {
            // Without its inventory, a release counts as not applied completely.
            return self.delete_config_map("devplat-system", &format!("devplat-release-{release}"));
        }
        match step {
            // Docker rejects this if a cluster uses it.
            "network" => {
                let network = format!("devplat-{}", self.platform.name);
                self.platform.docker(&["network", "rm", &network]).map(drop)
            }
            "local registry" => self.delete_registry(),
            "key of user demo" => Ok(fs::remove_file(state.join("ssh/demo.pub"))?),
            "ssh configuration" => Ok(fs::remove_file(state.join("ssh/config"))?),
            "kubeconfig" => Ok(fs::remove_file(self.platform.kubeconfig())?),
            "registry announcement" => self.delete_config_map("kube-public", "local-registry-hosting"),
            "dev server for the proof" | "proof" => self.delete_config_map("devplat-system", "devplat-proof"),
            _ => bail!("it ended before the kill"),
        }
    }

    fn forget_in_node(&self, image: &str) -> Result<()> {
        let ctr = ["exec", &self.node, "ctr", "-n", "k8s.io", "images"];
        let list = self.platform.docker(&[&ctr[..], &["ls", "-q"]].concat())?;
        for reference in list.lines().filter(|reference| reference.contains(&format!("/{image}@"))) {
            self.platform.docker(&[&ctr[..], &["rm", reference]].concat())?;
        }
        Ok(())
    }

    /// Deletes the registry with all images in it, if it exists.
    fn delete_registry(&self) -> Result<()> {
        let name = format!("name=devplat-{}-registry", self.platform.name);
        let found = self.platform.docker(&["ps", "--all", "--quiet", "--filter", &name])?;
        for id in found.lines() {
            self.platform.docker(&["rm", "--force", "--volumes", id])?;
        }
        Ok(())
    }

    fn delete_config_map(&self, namespace: &str, name: &str) -> Result<()> {
        let delete = ["--namespace", namespace, "delete", "configmap", name, "--ignore-not-found"];
        let call = [&["exec", &self.node][..], self.kubectl, &delete].concat();
        self.platform.docker(&call).map(drop)
    }
}

impl Twice<'_> {
    fn contains(self, step: &str) -> bool {
        match self {
            Self::Each => true,
            Self::Only(steps) => steps.contains(&step),
        }
    }
}

/// Returns the rank of a step. Of steps that begin together, `up` is killed first in the one with the lowest rank: in the
/// shortest, before it ends. Steps that are cheap to undo come last, and the base image comes early, because it takes long
/// to assemble again.
fn rank(step: &str) -> u8 {
    match step.split_once(' ') {
        None => 0,
        Some(("image", "devserver-base")) => 1,
        Some(("release", _)) => 2,
        Some(_) if step.contains("devserver-base") => 4,
        Some(_) => 3,
    }
}

/// Returns the steps that have begun, by the progress of a run.
fn begun(said: &str) -> impl Iterator<Item = &str> {
    said.lines().filter_map(|line| {
        let (begun, _) = line.split_once(" (about ").or_else(|| line.split_once(" (under "))?;
        begun.split_once(' ').map(|(_, step)| step)
    })
}

/// Kills a run as soon as `choose` returns steps for its progress, and returns these steps with the ended run. Without
/// steps, the run ended by itself.
fn kill_in(
    mut running: Running,
    choose: impl Fn(&str) -> BTreeSet<String>,
) -> Result<(BTreeSet<String>, Ended)> {
    let steps = until("a step to kill it in", LONG, || {
        let steps = choose(&running.stderr()?);
        if !steps.is_empty() {
            running.signal(Signal::KILL)?;
            return Ok(Some(steps));
        }
        Ok(if running.runs()? { None } else { Some(steps) })
    })?;
    Ok((steps, running.wait(LONG)?))
}

/// Deletes the record of an image in devplat's store.
fn forget_image(platform: &Platform, image: &str) -> Result<()> {
    let store = platform.cache().join("images");
    let read = |path: &Path| serde_json::from_slice::<Value>(&fs::read(path).ok()?).ok();
    let title = |record: &Path| {
        let digest = read(record)?["config"]["digest"].as_str()?.strip_prefix("sha256:")?.to_owned();
        let config = read(&store.join("blobs/sha256").join(digest))?;
        Some(config["config"]["Labels"]["org.opencontainers.image.title"].as_str()?.to_owned())
    };
    let mut forgotten = 0;
    for entry in fs::read_dir(&store)? {
        let path = entry?.path();
        if path.is_file() && title(&path).as_deref() == Some(image) {
            fs::remove_file(path)?;
            forgotten += 1;
        }
    }
    ensure!(forgotten > 0, "no record of image {image} in {}", store.display());
    Ok(())
}
