//! The context that finders and steps act on: the Docker engine, the cluster and the state folder. It does not depend on
//! the kinds of resources.

mod access;
mod outputs;
mod stop;
mod taken_over;
#[cfg(test)]
pub(crate) mod testing;

pub use access::{ClusterAccess, NamedCluster};
pub use outputs::{KindWith, Outputs};
pub use stop::Stop;
pub use taken_over::TakenOver;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::{Duration, SystemTime},
};

use devplat_image::ImageName;
use devplat_kubernetes::{
    Clock, CommandLines, Pace, Stopped, Waiting,
    capabilities::{self, Capabilities},
    connect,
    proof::Enforcement,
    recognition::Distribution,
};
use devplat_profile::PlatformName;
use devplat_tool::{Surroundings, docker::Engine, local::Account, registry::RegistryClients};
use futures::future::BoxFuture;
use tokio::sync::{Mutex, OnceCell, watch};

use crate::{
    command_line::{CommandLine, quoted},
    failure::{Exit, Failure},
    long_wait,
    state::{EngineLock, LockHolder, StateFolder},
};

/// The name of the platform's cluster, which clusters of all kinds share. Their output is the access to it.
pub const CLUSTER: KindWith<ClusterAccess> = KindWith::new("cluster");

/// Returns the present time.
pub type Now = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Prints a remark for people.
pub type Remark = Arc<dyn Fn(&str) + Send + Sync>;

/// The context around one platform.
#[derive(Clone)]
pub struct PlatformContext {
    pub platform: PlatformName,
    /// The account of this machine that devplat runs as.
    pub account: Account,
    /// Whether the user agreed to continue with a platform of another account.
    pub take_over: bool,
    /// The accounts whose platform the user has taken over, in this run or before.
    pub taken_over: TakenOver,
    /// The arguments that the user gave, for the command lines in messages.
    pub command_line: CommandLine,
    /// A folder for files that programs such as k3d always write.
    pub scratch_folder: PathBuf,
    /// The kubeconfig for kind and k3d, in place of the user's.
    pub scratch_kubeconfig: PathBuf,
    /// The state folder of the platform.
    pub state: StateFolder,
    /// The outputs of resources, for the resources that need them.
    pub outputs: Arc<Outputs>,
    /// The images that the creation of the cluster still imports. Their own steps wait for it.
    pub early_import: watch::Sender<BTreeSet<ImageName>>,
    /// The user's requests to stop.
    pub stop: Stop,
    /// The time, for the journal and for the validity of credentials.
    pub now: Now,
    /// Prints a remark, for finders, which are not steps.
    pub remark: Remark,
    /// The variables and the home folder that devplat was started with.
    pub surroundings: Surroundings,
    /// The Docker engine, if the platform uses one.
    pub engine: Option<Engine>,
    /// The cluster that the user named, if the platform is in one.
    pub named: Option<NamedCluster>,
    /// Runs the credential plugins of kubeconfigs.
    pub plugins: Arc<dyn connect::Plugins>,
    /// The clients of registries.
    pub registries: RegistryClients,
    /// The cluster's answers.
    pub cache: ClusterCache,
}

/// The results of calls to the cluster that a run makes once. Clones share them.
#[derive(Clone, Default)]
pub struct ClusterCache {
    client: Arc<Mutex<Option<(ClusterAccess, kube::Client)>>>,
    capabilities: Arc<OnceCell<Capabilities>>,
    enforcement: Arc<SyncMutex<Option<Enforcement>>>,
}

impl PlatformContext {
    /// Returns the same context for work that a request to stop does not interrupt.
    #[must_use]
    pub fn unstoppable(&self) -> Self {
        Self { stop: Stop::default(), ..self.clone() }
    }

    /// Returns another run that is working on the platform: the holder of the lock in the state folder, or of the
    /// engine's lock if that folder is lost.
    pub async fn other_run(&self) -> Option<LockHolder> {
        let holder = match (self.state.holder(), &self.engine) {
            (Some(holder), _) => Some(holder),
            (None, Some(engine)) => EngineLock::holder(&engine.info().await.ok()?.id, &self.platform),
            (None, None) => None,
        };
        holder.filter(|holder| !holder.is_this_process())
    }

    /// Returns the same context without outputs, for another search.
    #[must_use]
    pub fn without_outputs(self) -> Self {
        Self { outputs: Arc::default(), ..self }
    }

    /// Returns the same context with the accounts whose platform the user has taken over before.
    #[must_use]
    pub fn accepting(self, taken_over: TakenOver) -> Self {
        Self { taken_over, ..self }
    }

    /// Returns whether an object of this machine with the mark of `account`, which is another one, counts as this
    /// account's. User IDs are compared, because names of accounts can change.
    pub fn takes_over(&self, account: &Account) -> bool {
        if self.take_over {
            self.taken_over.add(account);
        }
        self.taken_over.has_user(account.uid)
    }

    /// Returns whether a mark of `account` in a cluster counts as this account's. Another machine may have written it, on
    /// which the same user ID may belong to another user, so the name must be the same as well.
    pub fn takes_over_in_cluster(&self, account: &Account) -> bool {
        if self.take_over {
            self.taken_over.add(account);
        }
        self.taken_over.has(account)
    }

    /// Returns the access to the platform's cluster; `None` if it does not exist or is not running.
    pub fn cluster(&self) -> Option<ClusterAccess> {
        self.outputs.single(CLUSTER)
    }

    /// Returns the Docker engine. Fails if the platform uses none.
    pub fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.as_ref().ok_or_else(|| Failure::new(Exit::Internal, "this platform has no Docker engine"))
    }

    /// Returns a client of the platform's cluster. Fails if it is not running.
    pub async fn client(&self) -> Result<kube::Client, Failure> {
        let Some(access) = self.cluster() else {
            return Err(Failure::new(Exit::PartWay, "the platform's cluster is not running")
                .hint(format!("`{}` starts it", self.command("up"))));
        };
        self.client_of(&access).await
    }

    /// Returns a client of the cluster of `access`. The last client is kept, because its login may have run a plugin.
    pub async fn client_of(&self, access: &ClusterAccess) -> Result<kube::Client, Failure> {
        let mut kept = self.cache.client.lock().await;
        if let Some((of, client)) = &*kept
            && of == access
        {
            return Ok(client.clone());
        }
        let client = access.connect(&self.surroundings, &self.plugins, self.clock()).await?;
        *kept = Some((access.clone(), client.clone()));
        Ok(client)
    }

    /// Drops the kept client if it is of the cluster of `access`, so that the next one logs in and connects again.
    pub async fn forget_client(&self, access: &ClusterAccess) {
        let mut kept = self.cache.client.lock().await;
        if kept.as_ref().is_some_and(|(of, _)| of == access) {
            *kept = None;
        }
    }

    /// Returns the clock for certificates and tokens.
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || SystemTime::try_from(now()).unwrap_or(SystemTime::UNIX_EPOCH))
    }

    /// Returns the capabilities of the cluster that the user named, read once per run.
    pub async fn capabilities(&self, named: &NamedCluster) -> Result<&Capabilities, Failure> {
        let client = self.client_of(&ClusterAccess::named(named)).await?;
        let ask = async { capabilities::ask(&client, &named.context).await };
        Ok(self.cache.capabilities.get_or_try_init(|| ask).await?)
    }

    /// Returns the capabilities of the cluster, if they were read.
    pub fn known_capabilities(&self) -> Option<&Capabilities> {
        self.cache.capabilities.get()
    }

    /// Keeps the last proof's observation of `NetworkPolicies`.
    pub fn keep_enforcement(&self, tried: Option<Enforcement>) {
        *self.cache.enforcement.lock().unwrap_or_else(PoisonError::into_inner) = tried;
    }

    /// Returns whether the cluster enforces `NetworkPolicies`; `None` if no proof has tried it.
    pub fn known_enforcement(&self) -> Option<Enforcement> {
        *self.cache.enforcement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the cluster is that the user named, such as `kind cluster a`: recognised by its capabilities if they
    /// were read, else guessed from the name of its context.
    pub fn title_of(&self, named: &NamedCluster) -> String {
        let guess = &named.context.guess;
        match self.known_capabilities().map(|capabilities| &capabilities.recognition.distribution) {
            // The context has the cluster's name as well.
            Some(Distribution::Eks) | None => guess.to_string(),
            Some(distribution) => distribution.to_string(),
        }
    }

    /// Pauses for `period`, or until the user asks to stop.
    pub fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        Box::pin(async move {
            tokio::select! {
                biased;
                () = self.stop.until_asked() => Err(Stopped),
                () = tokio::time::sleep(period) => Ok(()),
            }
        })
    }

    /// Runs `work` of a finder. If it takes more than 2 s, prints what is waited for.
    pub async fn awaited<T>(&self, what: impl FnOnce() -> String, work: impl Future<Output = T>) -> T {
        long_wait::reported(what, work, |text| (self.remark)(text)).await
    }

    /// Creates the folder for files of programs.
    pub fn make_scratch(&self) -> Result<(), Failure> {
        Ok(self.state.make_scratch()?)
    }

    /// Returns the command line of `verb` for this platform, with the given arguments that the verb takes.
    pub fn command(&self, verb: &str) -> String {
        self.command_line.of(verb)
    }

    /// Returns the beginning of a kubectl command line for the platform's cluster, which is not that of the current
    /// context, even before the cluster is found.
    pub fn kubectl(&self) -> String {
        let named = self.named.as_ref().map(ClusterAccess::named);
        match self.cluster().or(named) {
            Some(ClusterAccess { context, kubeconfig: _, kept: None, started: _ }) => {
                format!("kubectl --context {}", quoted(&context))
            }
            Some(ClusterAccess { context: _, kubeconfig: _, kept: Some(_), started: _ }) | None => {
                format!("kubectl --kubeconfig {}", quoted(&self.state.kubeconfig().display().to_string()))
            }
        }
    }

    /// Returns the command lines for the remedies of a failed call to the cluster.
    pub fn command_lines(&self) -> CommandLines {
        CommandLines { up: self.command("up"), kubectl: self.kubectl() }
    }
}

/// Finders wait through the context, because their waits are not progress of a step.
impl Pace for PlatformContext {
    fn report(&self, _: &Waiting) {}

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        PlatformContext::pause(self, period)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use devplat_kubernetes::{
        connect::{PluginCall, PluginError, Plugins},
        context::{Context, DistributionGuess},
    };
    use kube::config::Kubeconfig;

    use super::*;
    use crate::command_line::Argument;

    /// A credential plugin that counts its logins.
    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Plugins for Counted {
        fn terminal(&self) -> bool {
            false
        }

        fn run<'a>(&'a self, _: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let version = "client.authentication.k8s.io/v1";
            let credential =
                format!(r#"{{"apiVersion":"{version}","kind":"ExecCredential","status":{{"token":"t"}}}}"#);
            Box::pin(async move { Ok(credential) })
        }
    }

    #[tokio::test]
    async fn client_is_kept_until_it_is_forgotten() {
        let access = |port: u16| {
            let text = format!(
                "current-context: a\nclusters: [{{name: a, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]\n\
                 contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nusers: [{{name: a, user: {{exec: \
                 {{apiVersion: client.authentication.k8s.io/v1, command: plug, interactiveMode: Never}}}}}}]\n"
            );
            ClusterAccess::kept(&text).unwrap()
        };
        let (plugins, mut context) = (Arc::new(Counted::default()), testing::context(Path::new("/state")));
        context.plugins = Arc::<Counted>::clone(&plugins);
        let logins = async || {
            context.client_of(&access(1)).await.unwrap();
            plugins.0.load(Ordering::Relaxed)
        };
        assert_eq!(logins().await, 1);
        assert_eq!(logins().await, 1);
        context.forget_client(&access(2)).await;
        assert_eq!(logins().await, 1, "it is of another cluster");
        context.forget_client(&access(1)).await;
        assert_eq!(logins().await, 2);
    }

    #[test]
    fn command_lines_lead_to_the_platform_and_its_cluster() {
        let mut context = testing::context(Path::new("/state"));
        context.command_line = CommandLine::new(vec![Argument::Name("team-a".parse().unwrap())]);
        let access = |kept: Option<&str>| ClusterAccess {
            context: "the cluster".to_owned(),
            kubeconfig: Arc::new(Kubeconfig::default()),
            kept: kept.map(Arc::from),
            started: None,
        };
        let own = "kubectl --kubeconfig /state/devplat/kubeconfig";
        assert_eq!(context.kubectl(), own, "before the cluster is found");
        let server = "https://there".to_owned();
        let there = Context { name: "there".to_owned(), server, guess: DistributionGuess::Other };
        let named = NamedCluster { context: there, kubeconfig: Arc::new(Kubeconfig::default()) };
        let looked_for = PlatformContext { named: Some(named), ..context.clone() };
        assert_eq!(looked_for.kubectl(), "kubectl --context there");
        let of = |access: ClusterAccess| {
            context.outputs.put(CLUSTER, &CLUSTER.single(), access);
            context.command_lines()
        };
        let CommandLines { up, kubectl } = of(access(None));
        assert_eq!((&*up, &*kubectl), ("devplat up --name team-a", "kubectl --context 'the cluster'"));
        let CommandLines { up: _, kubectl } = of(access(Some("a kubeconfig")));
        assert_eq!(kubectl, own);
    }
}
