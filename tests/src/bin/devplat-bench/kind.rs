//! A platform on a kind cluster: its first creation, the start of a dev server, the operator's memory and image.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use devplat_api::DevServer;
use devplat_tests::{control_plane::client, platform::Platform, waiting::until};
use futures::{TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
    config::Kubeconfig,
};
use serde_json::json;

use crate::{
    figure::{Figure, Series, timed},
    image,
};

/// A limit that no step here ever reached.
const LONG: Duration = Duration::from_mins(5);
/// How many dev servers are started one after the other.
const SERVERS: usize = 10;

/// Measures one platform.
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let platform = Platform::new("bench")?;
    // The cache is empty, so this assembles the base image of dev servers.
    let (cold, ()) = timed(|| devplat(&platform, &["up", "--profile", "kind", "--yes"]))?;
    let (new, kept) = starts(&client(Kubeconfig::read_from(platform.kubeconfig())?).await?).await?;
    let memory = operator_memory(&platform)?;
    devplat(&platform, &["destroy", "--yes"])?;
    Ok(vec![
        Figure {
            name: "the very first `up`, which assembles the base image of dev servers",
            goal: "",
            measured: format!("{cold:.1} s"),
            from: "n = 1".to_owned(),
        },
        Figure {
            name: "DevServer created until Ready, with an existing home",
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

fn devplat(platform: &Platform, args: &[&str]) -> Result<()> {
    platform.devplat(args)?.run(LONG)?.expect(0).map(|_| ())
}

/// Starts dev servers one after the other: first with new homes, then with the homes that they left.
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

/// Returns the time from the call that creates a dev server until a watch reports it as ready.
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

/// Returns the resident memory of each replica of the operator, in MiB.
fn operator_memory(platform: &Platform) -> Result<Series> {
    let script = "for pid in $(pgrep -x devplat-operato); do sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\) kB/\\1/p' /proc/$pid/status; done";
    let node = format!("{}-control-plane", platform.name);
    let said = platform.docker(&["exec", &node, "sh", "-c", script])?;
    let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    ensure!(!numbers.is_empty(), "no operator is running in {node}");
    Ok(Series(numbers.into_iter().map(|kib: f64| kib / 1024.0).collect()))
}
