//! A platform on a kind cluster, beside a bare kind cluster of the same node image; and the start of a dev server.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use devplat_api::DevServer;
use devplat_tests::{bare, control_plane::client, platform::Platform, waiting::until};
use futures::{TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
    config::Kubeconfig,
};
use serde_json::json;

use crate::{
    figure::{Figure, Series},
    image,
};

/// Longer than anything here ever took.
const LONG: Duration = Duration::from_mins(5);
/// How many dev servers are started one after the other.
const SERVERS: usize = 10;
const UP: [&str; 4] = ["up", "--profile", "kind", "--yes"];

/// Measures `runs` pairs.
pub(crate) async fn measure(runs: usize) -> Result<Vec<Figure>> {
    let platform = Platform::new("bench")?;
    // Once for nothing: the base image of dev servers is put together, and files are in the page cache.
    let cold = timed(|| devplat(&platform, &UP))?;
    devplat(&platform, &["destroy", "--yes"])?;
    let (mut up, mut again, mut destroy) = (Series::default(), Series::default(), Series::default());
    let (mut create, mut delete) = (Series::default(), Series::default());
    let (mut kept, mut new) = (Series::default(), Series::default());
    let mut memory = Series::default();
    for run in 0..runs {
        create.0.push(timed(|| bare::create(&platform))?);
        delete.0.push(timed(|| delete_bare(&platform))?);
        up.0.push(timed(|| devplat(&platform, &UP))?);
        again.0.push(timed(|| devplat(&platform, &UP))?);
        if run == 0 {
            let kubeconfig = Kubeconfig::read_from(platform.kubeconfig())?;
            (new, kept) = starts(&client(kubeconfig).await?).await?;
            memory = operator_memory(&platform)?;
        }
        destroy.0.push(timed(|| devplat(&platform, &["destroy", "--yes"]))?);
    }
    let extra = destroy.median() - delete.median();
    Ok(vec![
        Figure {
            name: "`up --profile kind` until the proof, over bare `kind create cluster`",
            goal: "at most 2.5",
            measured: format!("{:.2}", up.median() / create.median()),
            from: format!("up {}; kind {}", up.describe(), create.describe()),
        },
        Figure {
            name: "the first `up` of all, which puts the base image of dev servers together",
            goal: "",
            measured: format!("{cold:.1} s"),
            from: "n = 1".to_owned(),
        },
        Figure {
            name: "`up` again",
            goal: "at most 2 s",
            measured: format!("{:.2} s", again.median()),
            from: format!("{}; that it writes nothing is tested", again.describe()),
        },
        Figure {
            name: "`destroy` over bare `kind delete cluster`",
            goal: "+ 3 s",
            measured: format!("+ {extra:.2} s"),
            from: format!("destroy {}; kind {}", destroy.describe(), delete.describe()),
        },
        Figure {
            name: "DevServer created until Ready, its home there",
            goal: "at most 3 s",
            measured: format!("{:.2} s", kept.median()),
            from: kept.describe(),
        },
        Figure {
            name: "DevServer created until Ready, with a new home",
            goal: "at most 6 s",
            measured: format!("{:.2} s", new.median()),
            from: new.describe(),
        },
        Figure {
            name: "memory of an idle operator",
            goal: "20 MiB",
            measured: format!("{:.1} MiB", memory.median()),
            from: format!("resident memory of {} replicas after {SERVERS} dev servers", memory.0.len()),
        },
        Figure {
            name: "size of the operator's image",
            goal: "25 MiB",
            measured: format!("{:.1} MiB", image::size(&platform.cache(), "devplat-operator")?),
            from: "all of its blobs, not compressed".to_owned(),
        },
    ])
}

fn timed(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64())
}

fn devplat(platform: &Platform, args: &[&str]) -> Result<()> {
    platform.devplat(args)?.run(LONG)?.expect(0).map(|_| ())
}

/// With its network: one that devplat did not make would be somebody else's to it.
fn delete_bare(platform: &Platform) -> Result<()> {
    bare::delete(platform)?;
    platform.docker(&["network", "rm", &bare::network(platform)]).map(|_| ())
}

/// Starts dev servers one after the other: with new homes, then each with the home that it left.
async fn starts(client: &Client) -> Result<(Series, Series)> {
    let (mut new, mut kept) = (Series::default(), Series::default());
    for series in [&mut new, &mut kept] {
        for number in 0..SERVERS {
            series.0.push(start(client, &format!("bench-{number}")).await?);
        }
    }
    let homes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), "default");
    homes.delete_collection(&DeleteParams::default(), &kube::api::ListParams::default()).await?;
    Ok((new, kept))
}

/// From the call that makes it until a watcher sees that it is ready.
async fn start(client: &Client, name: &str) -> Result<f64> {
    let servers: Api<DevServer> = Api::namespaced(client.clone(), "default");
    let server: DevServer = serde_json::from_value(json!({
        "apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
        "metadata": {"name": name}, "spec": {"flavor": "cpu-small"},
    }))?;
    let begun = Instant::now();
    let made = servers.create(&PostParams::default(), &server).await?;
    let version = made.metadata.resource_version.unwrap_or_default();
    let watched = WatchParams::default().fields(&format!("metadata.name={name}"));
    let events = servers.watch(&watched, &version).await?;
    pin_mut!(events);
    loop {
        let event = events.try_next().await?.context("the watch ended")?;
        if let WatchEvent::Modified(server) = event
            && server.status.is_some_and(|status| status.ready)
        {
            break;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    servers.delete(name, &DeleteParams::default()).await?;
    until("the dev server to go", LONG, async || match servers.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("still there".to_owned()),
        Err(error) => Err(error.to_string()),
    })
    .await?;
    Ok(seconds)
}

/// What each operator has resident, in MiB.
fn operator_memory(platform: &Platform) -> Result<Series> {
    let script = "for pid in $(pgrep -x devplat-operato); do sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status; done";
    let node = format!("{}-control-plane", platform.name);
    let said = platform.docker(&["exec", &node, "sh", "-c", script])?;
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(!numbers.is_empty(), "no operator runs in {node}");
    Ok(Series(numbers.into_iter().map(|kib: f64| kib / 1024.0).collect()))
}
