//! The context that finders and steps act on: the Docker engine, the cluster and the state folder. It does not depend on
//! the kinds of resources.

mod access;
mod outputs;
mod stop;
mod taken_over;
#[cfg(test)]
pub(crate) mod testing;

pub use access::{ClusterAccess, NamedCluster};
pub use outputs::{Outputs, Ref};
pub use stop::Stop;
pub use taken_over::TakenOver;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex as SyncMutex, PoisonError},
    time::{Duration, SystemTime},
};

use devplat_kubernetes::{
    Clock, Pace, Stopped, Waiting,
    capabilities::{self, Capabilities},
    connect,
    proof::Enforcement,
    recognition::Distribution,
};
use devplat_plan::KindName;
use devplat_profile::PlatformName;
use devplat_tool::{Surroundings, docker::Engine, local::Account, registry::Sessions};
use futures::future::BoxFuture;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    command_line::CommandLine,
    failure::{Exit, Failure},
    state::StateFolder,
};

/// The name of the platform's cluster, which clusters of all kinds share.
pub const CLUSTER: KindName = KindName::new("cluster");

/// Returns the present time.
pub type Now = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The context around one platform.
#[derive(Clone)]
pub struct PlatformContext {
    /// The platform.
    pub platform: PlatformName,
    /// The account of this machine that devplat runs as.
    pub account: Account,
    /// Whether the user agreed to continue with a platform of another account.
    pub take_over: bool,
    /// The accounts whose platform the user has taken over, in this run or before.
    pub taken_over: TakenOver,
    /// The arguments that the user gave, for the command lines in messages.
    pub command_line: CommandLine,
    /// The state folder of the platform.
    pub state: StateFolder,
    /// The outputs of resources, for the resources that need them.
    pub outputs: Arc<Outputs>,
    /// The user's requests to stop.
    pub stop: Stop,
    /// The time, for the journal and for the validity of credentials.
    pub now: Now,
    /// The variables and the home folder that devplat was started with.
    pub surroundings: Surroundings,
    /// The Docker engine, if the platform uses one.
    pub engine: Option<Engine>,
    /// The cluster that the user named, if the platform is in one.
    pub named: Option<NamedCluster>,
    /// Runs the credential plugins of kubeconfigs.
    pub plugins: Arc<dyn connect::Plugins>,
    /// A folder for files that programs such as k3d always write.
    pub scratch_folder: PathBuf,
    /// The kubeconfig for kind and k3d, in place of the user's.
    pub scratch_kubeconfig: PathBuf,
    /// The sessions with registries.
    pub registries: Sessions,
    client: Arc<Mutex<Option<(ClusterAccess, kube::Client)>>>,
    capabilities: Arc<OnceCell<Capabilities>>,
    enforcement: Arc<SyncMutex<Option<Enforcement>>>,
}

/// The parts of a context.
pub struct Parts {
    /// The platform.
    pub platform: PlatformName,
    /// The account of this machine that devplat runs as.
    pub account: Account,
    /// Whether the user agreed to continue with a platform of another account.
    pub take_over: bool,
    /// The arguments that the user gave, for the command lines in messages.
    pub command_line: CommandLine,
    /// The state folder of the platform.
    pub state: StateFolder,
    /// The user's requests to stop.
    pub stop: Stop,
    /// The time, for the journal and for the validity of credentials.
    pub now: Now,
    /// The variables and the home folder that devplat was started with.
    pub surroundings: Surroundings,
    /// The Docker engine, if the platform uses one.
    pub engine: Option<Engine>,
    /// The cluster that the user named, if the platform is in one.
    pub named: Option<NamedCluster>,
    /// Runs the credential plugins of kubeconfigs.
    pub plugins: Arc<dyn connect::Plugins>,
}

impl PlatformContext {
    /// Returns a context without outputs.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            platform,
            account,
            take_over,
            command_line,
            state,
            stop,
            now,
            surroundings,
            engine,
            named,
            plugins,
        } = parts;
        let scratch_folder = state.scratch();
        let scratch_kubeconfig = scratch_folder.join("kubeconfig");
        Self {
            scratch_folder,
            scratch_kubeconfig,
            platform,
            account,
            take_over,
            taken_over: TakenOver::default(),
            command_line,
            state,
            outputs: Arc::default(),
            stop,
            now,
            surroundings,
            engine,
            named,
            plugins,
            registries: Sessions::default(),
            client: Arc::default(),
            capabilities: Arc::default(),
            enforcement: Arc::default(),
        }
    }

    /// Returns the same context for work that a request to stop does not interrupt.
    #[must_use]
    pub fn unstoppable(&self) -> Self {
        Self { stop: Stop::default(), ..self.clone() }
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

    /// The same for a mark in a cluster, which another machine may have written: there, the same user ID may belong to
    /// another user, so the name must be the same as well.
    pub fn takes_over_in_cluster(&self, account: &Account) -> bool {
        if self.take_over {
            self.taken_over.add(account);
        }
        self.taken_over.has(account)
    }

    /// Returns the access to the platform's cluster; `None` if it does not exist or is not running.
    pub fn cluster(&self) -> Option<ClusterAccess> {
        self.outputs.get(&Ref::to(CLUSTER.single()))
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
        let mut kept = self.client.lock().await;
        if let Some((of, client)) = &*kept
            && of == access
        {
            return Ok(client.clone());
        }
        let client = access.connect(&self.surroundings, &self.plugins, self.clock()).await?;
        *kept = Some((access.clone(), client.clone()));
        Ok(client)
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
        Ok(self.capabilities.get_or_try_init(|| ask).await?)
    }

    /// Returns the capabilities of the cluster, if they were read.
    pub fn known_capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.get()
    }

    /// Keeps the result of the last proof's trial of `NetworkPolicies`.
    pub fn keep_enforcement(&self, tried: Option<Enforcement>) {
        *self.enforcement.lock().unwrap_or_else(PoisonError::into_inner) = tried;
    }

    /// Returns whether the cluster enforces `NetworkPolicies`; `None` if no proof has tried it.
    pub fn known_enforcement(&self) -> Option<Enforcement> {
        *self.enforcement.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the cluster is that the user named, such as `kind cluster a`: recognised by its capabilities if they
    /// were read, else guessed from the name of its context.
    pub fn title_of(&self, named: &NamedCluster) -> String {
        let provider = &named.context.provider;
        match self.known_capabilities().map(|capabilities| &capabilities.recognition.distribution) {
            // The context has the cluster's name as well.
            Some(Distribution::Eks) | None => provider.to_string(),
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

    /// Creates the folder for files of programs.
    pub fn make_scratch(&self) -> Result<(), Failure> {
        Ok(self.state.make_scratch()?)
    }

    /// Returns the command line of `verb` for this platform, with the given arguments that the verb takes.
    pub fn command(&self, verb: &str) -> String {
        self.command_line.of(verb)
    }
}

/// Finders wait through the context, because their waits are not progress of a step.
impl Pace for PlatformContext {
    fn report(&self, _: &Waiting) {}

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        PlatformContext::pause(self, period)
    }
}
