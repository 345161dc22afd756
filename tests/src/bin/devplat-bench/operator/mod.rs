//! Measures many dev servers on kwok's nodes beside a plain client that creates the same Deployments, claims, Services
//! and Secrets: time, memory, processor time and writes. Each run of either has a new control plane, and they take
//! turns in going first, because the machine's speed varies.

mod constants;
mod load;
mod model;
mod plane;
mod program;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use devplat_api::DevServer;
use devplat_tests::{control_plane::ControlPlane, platform::Platform};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{Api, Client, api::ListParams};

use self::{constants::NAMESPACE, load::pod_is_ready, model::Model, program::Operator};
use crate::{
    figure::{Figure, Series},
    output::say,
};

/// How long a restarted operator is watched for writes that it need not make.
const AFTER_RESTART: Duration = Duration::from_secs(30);

/// Measures `runs` times with `servers` dev servers each.
pub(crate) async fn measure(runs: usize, servers: usize, idle_minutes: u64) -> Result<Vec<Figure>> {
    let bench = Bench { platform: Platform::new("bench")?, servers };
    let (mut ours, mut plain) = (Ours::default(), Series::default());
    // The plain client creates copies of the operator's objects.
    let begun = bench.by_operator(&mut ours).await?;
    let model = Model::read(&begun.client).await?;
    let (begun, needless) = bench.restart(begun, idle_minutes).await?;
    bench.delete(begun, &mut ours).await?;
    bench.by_plain_client(&model, &mut plain).await?;
    for run in 1..runs {
        if run % 2 == 1 {
            bench.by_plain_client(&model, &mut plain).await?;
        }
        let begun = bench.by_operator(&mut ours).await?;
        bench.delete(begun, &mut ours).await?;
        if run % 2 == 0 {
            bench.by_plain_client(&model, &mut plain).await?;
        }
    }
    Ok(figures(&ours, &plain, &needless, servers))
}

struct Bench {
    platform: Platform,
    servers: usize,
}

/// The measurements with the operator, in the order of the runs.
#[derive(Default)]
struct Ours {
    ready: Series,
    peak: Series,
    processor: Series,
    writes: Series,
    kinds: String,
    deletion: Series,
    idle_memory: Series,
}

/// A control plane full of dev servers, and the operator that made them ready.
struct Begun {
    plane: ControlPlane,
    client: Client,
    operator: Operator,
}

/// The writes of a restarted operator that had nothing to do.
struct NeedlessWrites {
    at_restart: usize,
    idle: usize,
    idle_minutes: u64,
}

impl Bench {
    async fn by_operator(&self, measured: &mut Ours) -> Result<Begun> {
        let Self { platform, servers } = self;
        let servers = *servers;
        say(&format!("{servers} dev servers, by the operator"));
        let plane = plane::start(platform).await?;
        let client = plane.client().await?;
        let operator = Operator::start(platform, &plane)?;
        measured.idle_memory.0.push(operator.memory("VmRSS")?);
        let begun = Instant::now();
        let ready = async {
            let pods = load::wait_ready::<Pod>(&client, servers, pod_is_ready);
            let all = load::wait_ready::<DevServer>(&client, servers, |server| {
                server.status.as_ref().is_some_and(|status| status.ready)
            });
            tokio::try_join!(pods, all).map(|_| ())
        };
        tokio::try_join!(load::create_servers(&client, servers), ready)?;
        let seconds = begun.elapsed().as_secs_f64();
        say(&format!("ready after {seconds:.1} s"));
        measured.ready.0.push(seconds);
        measured.peak.0.push(operator.memory("VmHWM")?);
        measured.processor.0.push(operator.processor()?);
        measured.writes.0.push(program::ratio(program::writes(&plane)?, servers));
        measured.kinds = program::kinds_of_writes(&plane, servers)?;
        Ok(Begun { plane, client, operator })
    }

    async fn restart(&self, begun: Begun, idle_minutes: u64) -> Result<(Begun, NeedlessWrites)> {
        say(&format!("restart, and {idle_minutes} idle minutes"));
        let Begun { plane, client, operator } = begun;
        let before = program::writes(&plane)?;
        operator.stop()?;
        let operator = Operator::start(&self.platform, &plane)?;
        tokio::time::sleep(AFTER_RESTART).await;
        let at_restart = program::writes(&plane)? - before;
        tokio::time::sleep(Duration::from_secs(idle_minutes * 60)).await;
        let idle = program::writes(&plane)? - before - at_restart;
        Ok((Begun { plane, client, operator }, NeedlessWrites { at_restart, idle, idle_minutes }))
    }

    async fn delete(&self, begun: Begun, measured: &mut Ours) -> Result<()> {
        say("deletion");
        let Begun { plane, client, operator } = begun;
        let started = Instant::now();
        load::delete_servers(&client, self.servers).await?;
        measured.deletion.0.push(started.elapsed().as_secs_f64());
        let homes =
            Api::<PersistentVolumeClaim>::namespaced(client, NAMESPACE).list(&ListParams::default()).await?;
        ensure!(
            homes.items.len() == self.servers,
            "{} homes are left of {}",
            homes.items.len(),
            self.servers
        );
        operator.stop()?;
        drop(plane);
        Ok(())
    }

    async fn by_plain_client(&self, model: &Model, measured: &mut Series) -> Result<()> {
        say("the same objects, by a plain client");
        let plane = plane::start(&self.platform).await?;
        let client = plane.client().await?;
        let begun = Instant::now();
        let pods = load::wait_ready::<Pod>(&client, self.servers, pod_is_ready);
        tokio::try_join!(model.create(&client, self.servers), pods)?;
        let seconds = begun.elapsed().as_secs_f64();
        say(&format!("ready after {seconds:.1} s"));
        measured.0.push(seconds);
        Ok(())
    }
}

fn figures(ours: &Ours, plain: &Series, needless: &NeedlessWrites, servers: usize) -> Vec<Figure> {
    let Ours { ready, peak, processor, writes, kinds, deletion, idle_memory } = ours;
    let NeedlessWrites { at_restart, idle, idle_minutes } = needless;
    let once = format!("{servers} dev servers, n = 1");
    let figure = |name, goal, series: &Series, unit: &str| Figure {
        name,
        goal,
        measured: format!("{:.2} {unit}", series.median()).trim_end().to_owned(),
        from: format!("{servers} dev servers, {}", series.spread()),
    };
    let mut peaks = figure("operator's peak memory", "40 MiB", peak, "MiB");
    peaks.measured = format!("{:.1} MiB at most", peak.largest());
    let mut writes = figure("writes a server", "at most 7", writes, "");
    writes.from = format!("{kinds}; {}", writes.from);
    vec![
        Figure {
            name: "DevServers until every pod and every DevServer is Ready, over a plain client that creates the same objects",
            goal: "at most 1.25",
            measured: format!("{:.2}", ready.median() / plain.median()),
            from: format!(
                "{servers} dev servers, in turn: ours {}; theirs {}",
                ready.describe(),
                plain.describe()
            ),
        },
        peaks,
        figure("operator's CPU", "8 s", processor, "s"),
        writes,
        Figure {
            name: "writes at a restart with nothing to do",
            goal: "0",
            measured: at_restart.to_string(),
            from: once.clone(),
        },
        Figure {
            name: "writes while nothing happens",
            goal: "0 in 10 minutes",
            measured: idle.to_string(),
            from: format!("{idle_minutes} minutes; {once}"),
        },
        figure("deletion of all of them, until only the kept homes are left", "at most 30 s", deletion, "s"),
        figure("memory of an idle operator, no dev server yet", "20 MiB", idle_memory, "MiB"),
    ]
}
