//! Many dev servers at once on kwok's nodes, beside a plain client that makes the same Deployments, claims,
//! Services and Secrets: how much later, for how much memory and processor, with how many writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use devplat_api::{DevServer, name};
use devplat_tests::{
    audit::{Entry, ObjectRef},
    binaries,
    call::Running,
    control_plane::{ControlPlane, Parts, Token},
    platform::Platform,
    port,
};
use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, PersistentVolumeClaim, Pod, Secret, Service},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use rustix::process::Signal;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{figure::Figure, say};

/// How many calls a plain client has under way at once.
const AT_ONCE: usize = 32;
/// Where all dev servers are.
const NAMESPACE: &str = "default";
/// The user that the operator is in the audit log.
const OPERATOR: &str = "operator-a";
/// How long a restarted operator is watched for writes that it need not make.
const AFTER_RESTART: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_mins(15);

/// Measures with that many dev servers.
pub(crate) async fn measure(servers: usize, idle_minutes: u64) -> Result<Vec<Figure>> {
    let platform = Platform::new("bench")?;
    say(&format!("{servers} dev servers, by the operator"));
    let plane = plane(&platform).await?;
    let client = plane.client().await?;
    let operator = start_operator(&platform, &plane)?;
    let idle_before = operator.memory("VmRSS")?;
    let begun = Instant::now();
    let made = create_servers(&client, servers);
    let ready = async {
        let pods = wait_ready::<Pod>(&client, servers, pod_is_ready);
        let all = wait_ready::<DevServer>(&client, servers, |server| {
            server.status.as_ref().is_some_and(|status| status.ready)
        });
        tokio::try_join!(pods, all).map(|_| ())
    };
    tokio::try_join!(made, ready)?;
    let ours = begun.elapsed().as_secs_f64();
    let (peak, processor) = (operator.memory("VmHWM")?, operator.processor()?);
    let of_what = kinds_of_writes(&plane, servers)?;
    let per_server = ratio(writes(&plane)?, servers);
    let model = Model::read(&client).await?;

    say(&format!("restart, and {idle_minutes} idle minutes"));
    let before = writes(&plane)?;
    operator.stop()?;
    let operator = start_operator(&platform, &plane)?;
    tokio::time::sleep(AFTER_RESTART).await;
    let at_restart = writes(&plane)? - before;
    tokio::time::sleep(Duration::from_secs(idle_minutes * 60)).await;
    let idle = writes(&plane)? - before - at_restart;

    say("deletion");
    let begun = Instant::now();
    delete_servers(&client, servers).await?;
    let deletion = begun.elapsed().as_secs_f64();
    let homes = Api::<PersistentVolumeClaim>::namespaced(client.clone(), NAMESPACE)
        .list(&ListParams::default())
        .await?;
    ensure!(homes.items.len() == servers, "{} homes are left of {servers}", homes.items.len());
    operator.stop()?;
    drop(plane);

    say("the same objects, by a plain client");
    let plane = self::plane(&platform).await?;
    let client = plane.client().await?;
    let begun = Instant::now();
    tokio::try_join!(model.create(&client, servers), wait_ready::<Pod>(&client, servers, pod_is_ready))?;
    let plain = begun.elapsed().as_secs_f64();

    let of = format!("{servers} dev servers, n = 1");
    let figure = |name, goal, measured: String| Figure { name, goal, measured, from: of.clone() };
    Ok(vec![
        Figure {
            name: "DevServers until every pod and every DevServer is Ready, over a plain client making the same objects",
            goal: "at most 1.25",
            measured: format!("{:.2}", ours / plain),
            from: format!("{ours:.1} s over {plain:.1} s; {of}"),
        },
        figure("operator's peak memory", "40 MiB", format!("{peak:.1} MiB")),
        figure("operator's CPU", "8 s", format!("{processor:.2} s")),
        Figure {
            name: "writes a server",
            goal: "at most 7",
            measured: format!("{per_server:.2}"),
            from: format!("{of_what}; {of}"),
        },
        figure("writes at a restart with nothing to do", "0", at_restart.to_string()),
        Figure {
            name: "writes while nothing happens",
            goal: "0 in 10 minutes",
            measured: idle.to_string(),
            from: format!("{idle_minutes} minutes; {of}"),
        },
        figure(
            "delete them all, until only the kept homes are left",
            "at most 30 s",
            format!("{deletion:.1} s"),
        ),
        figure("memory of an idle operator, no dev server yet", "20 MiB", format!("{idle_before:.1} MiB")),
    ])
}

/// A control plane with devplat's kinds and flavors.
async fn plane(platform: &Platform) -> Result<ControlPlane> {
    let plane = ControlPlane::start(Parts::Everything).await?;
    let client = plane.client().await?;
    for name in [name::OPERATOR_NAMESPACE, name::BASTION_NAMESPACE] {
        let namespace = Namespace {
            metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
            ..Namespace::default()
        };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    }
    let kubeconfig = write_kubeconfig(platform, "administrator", &plane.kubeconfig())?;
    for what in ["crds", "flavors"] {
        let text = platform.run(&["render", what, "--profile", "kind"])?.expect(0)?.stdout;
        let kubectl = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", &kubeconfig);
        kubectl.args(["apply", "--server-side", "-f", "-"]).input(text).run(LONG)?.expect(0)?;
        let kubectl = platform.call(binaries::command("kubectl")?)?.env("KUBECONFIG", &kubeconfig);
        kubectl
            .args(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"])
            .run(LONG)?
            .expect(0)?;
    }
    Ok(plane)
}

fn write_kubeconfig(
    platform: &Platform,
    user: &str,
    kubeconfig: &kube::config::Kubeconfig,
) -> Result<PathBuf> {
    let file = platform.home().join(format!("{user}.json"));
    fs::write(&file, serde_json::to_vec(kubeconfig)?)?;
    Ok(file)
}

/// The operator's own program.
struct Operator(Running);

fn start_operator(platform: &Platform, plane: &ControlPlane) -> Result<Operator> {
    let kubeconfig = write_kubeconfig(platform, OPERATOR, &plane.kubeconfig_with(&Token::of(OPERATOR)))?;
    let [listen] = port::free()?;
    let mut running = platform
        .call(platform.program("devplat-operator"))?
        .args(["run"])
        .env("KUBECONFIG", kubeconfig)
        .env("DEVPLAT_AGENT_IMAGE", "devplat.local/agent")
        .env("DEVPLAT_DEFAULT_IMAGE", "devplat.local/base")
        .env("DEVPLAT_HOME_SIZE", "10Gi")
        .env("DEVPLAT_LISTEN", listen.to_string())
        .env("POD_NAME", "bench")
        .env("POD_NAMESPACE", name::OPERATOR_NAMESPACE)
        .start()?;
    devplat_tests::call::until("the operator to answer", LONG, || {
        ensure!(running.runs()?, "the operator ended: {}", running.stderr()?);
        Ok(std::net::TcpStream::connect(listen).ok())
    })?;
    Ok(Operator(running))
}

impl Operator {
    fn stop(self) -> Result<()> {
        self.0.signal(Signal::TERM)?;
        self.0.wait(LONG)?.expect(0).map(|_| ())
    }

    /// A line of its `/proc/PID/status`, in MiB.
    fn memory(&self, key: &str) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        let kib: f64 = line.context("no such line")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Processor time so far, in seconds: user and system, in hundredths.
    fn processor(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, after) = text.rsplit_once(") ").context("no such line")?;
        let ticks: Vec<f64> = after.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(ticks.iter().sum::<f64>() / 100.0)
    }
}

fn writes(plane: &ControlPlane) -> Result<usize> {
    Ok(own_writes(plane)?.len())
}

fn own_writes(plane: &ControlPlane) -> Result<Vec<Entry>> {
    let mut entries = plane.audit().entries()?;
    entries.retain(|entry| entry.is_write() && entry.user.username == OPERATOR);
    Ok(entries)
}

/// What the operator wrote, for each server.
fn kinds_of_writes(plane: &ControlPlane, servers: usize) -> Result<String> {
    let mut kinds = BTreeMap::<String, usize>::new();
    let mut refused = 0;
    for entry in own_writes(plane)? {
        let ObjectRef { resource, subresource, .. } = &entry.object_ref;
        let slash = if subresource.is_empty() { "" } else { "/" };
        *kinds.entry(format!("{resource}{slash}{subresource}")).or_default() += 1;
        refused += usize::from(entry.response_status.code >= 400);
    }
    let told = kinds.iter().map(|(kind, count)| format!("{kind} {:.2}", ratio(*count, servers)));
    let refused = (refused > 0).then(|| format!("{refused} refused"));
    Ok(told.chain(refused).collect::<Vec<_>>().join(", "))
}

#[expect(clippy::cast_precision_loss, reason = "both are small")]
fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other as f64
}

fn name(number: usize) -> String {
    format!("server-{number}")
}

async fn create_servers(client: &Client, count: usize) -> Result<()> {
    let servers: Api<DevServer> = Api::namespaced(client.clone(), NAMESPACE);
    each(count, |number| {
        let servers = servers.clone();
        async move {
            let server: DevServer = serde_json::from_value(json!({
                "apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
                "metadata": {"name": name(number)}, "spec": {"flavor": "cpu-small"},
            }))?;
            servers.create(&PostParams::default(), &server).await?;
            Ok(())
        }
    })
    .await
}

async fn delete_servers(client: &Client, count: usize) -> Result<()> {
    let servers: Api<DevServer> = Api::namespaced(client.clone(), NAMESPACE);
    each(count, |number| {
        let servers = servers.clone();
        async move {
            servers.delete(&name(number), &DeleteParams::default()).await?;
            Ok(())
        }
    })
    .await?;
    none_left::<DevServer>(client).await?;
    none_left::<Deployment>(client).await?;
    none_left::<Pod>(client).await?;
    // The API server's own stays.
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    until_listed(&services, 1).await
}

async fn each<F: Future<Output = Result<()>>>(count: usize, work: impl Fn(usize) -> F) -> Result<()> {
    stream::iter(0..count).map(work).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await
}

async fn none_left<K>(client: &Client) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    until_listed(&Api::<K>::namespaced(client.clone(), NAMESPACE), 0).await
}

async fn until_listed<K>(api: &Api<K>, count: usize) -> Result<()>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let begun = Instant::now();
    loop {
        let left = api.list_metadata(&ListParams::default().match_any()).await?.items.len();
        if left <= count {
            return Ok(());
        }
        ensure!(begun.elapsed() < LONG, "{left} are left");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn pod_is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

/// Watches until `count` objects are ready.
async fn wait_ready<K>(client: &Client, count: usize, is_ready: impl Fn(&K) -> bool) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api = Api::<K>::namespaced(client.clone(), NAMESPACE);
    let seen = watcher(api, watcher::Config::default()).applied_objects();
    pin_mut!(seen);
    let mut ready = BTreeSet::new();
    while ready.len() < count {
        let object =
            tokio::time::timeout(LONG, seen.try_next()).await.context("nothing happens any more")??;
        let object = object.context("the watch ended")?;
        let name = object.name_any();
        if is_ready(&object) {
            ready.insert(name);
        } else {
            ready.remove(&name);
        }
    }
    Ok(())
}

/// What the operator made for one dev server, to be made again by others.
struct Model {
    deployment: Deployment,
    home: PersistentVolumeClaim,
    service: Service,
    keys: Secret,
}

impl Model {
    async fn read(client: &Client) -> Result<Self> {
        let labelled = ListParams::default();
        let first =
            |list: Vec<Service>| list.into_iter().find(|service| service.name_any().starts_with("server-"));
        let services = Api::<Service>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let mut service = first(services.items).context("no service")?;
        if let Some(spec) = &mut service.spec {
            (spec.cluster_ip, spec.cluster_ips) = (None, None);
        }
        let deployment = Api::<Deployment>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let home =
            Api::<PersistentVolumeClaim>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let mut home = home.items.into_iter().next().context("no home")?;
        if let Some(spec) = &mut home.spec {
            spec.volume_name = None;
        }
        let deployment = deployment.items.into_iter().next().context("no Deployment")?;
        let keys = Api::<Secret>::namespaced(client.clone(), NAMESPACE).list(&labelled).await?;
        let of_the_same =
            |secret: &Secret| secret.name_any().starts_with(&format!("{}-ssh-", deployment.name_any()));
        let keys = keys.items.into_iter().find(of_the_same).context("no keys")?;
        Ok(Self { deployment, home, service, keys })
    }

    /// Makes `count` of each, under names of their own.
    async fn create(&self, client: &Client, count: usize) -> Result<()> {
        let old = self.deployment.name_any();
        each(count, |number| {
            let new = name(number);
            let (deployment, home, service, keys) = (
                named(&self.deployment, &old, &new),
                named(&self.home, &old, &new),
                named(&self.service, &old, &new),
                named(&self.keys, &old, &new),
            );
            async move {
                make(client, keys?).await?;
                make(client, home?).await?;
                make(client, service?).await?;
                make(client, deployment?).await
            }
        })
        .await
    }
}

/// The same object for another server: its name and whatever else is called after it.
fn named<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(
    model: &K,
    old: &str,
    new: &str,
) -> Result<K> {
    let text = serde_json::to_string(model)?;
    let mut object: K = serde_json::from_str(&text.replace(&format!("\"{old}"), &format!("\"{new}")))?;
    let meta = object.meta();
    *object.meta_mut() = ObjectMeta {
        name: meta.name.clone(),
        namespace: Some(NAMESPACE.to_owned()),
        labels: meta.labels.clone(),
        ..ObjectMeta::default()
    };
    Ok(object)
}

async fn make<K>(client: &Client, object: K) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Serialize
        + DeserializeOwned
        + std::fmt::Debug,
{
    Api::namespaced(client.clone(), NAMESPACE).create(&PostParams::default(), &object).await?;
    Ok(())
}
