//! The world that finders and steps act on: the Docker engine, the cluster, the state folder. It knows no kind of
//! resource.

mod access;
mod outputs;
mod stop;

pub use access::{ClusterAccess, NamedCluster};
pub use outputs::{Outputs, Ref};
pub use stop::Stop;

use std::{path::PathBuf, sync::Arc, time::Duration};

use devplat_kubernetes::{Pace, Stopped, Waiting, connect};
use devplat_plan::KindName;
use devplat_profile::PlatformName;
use devplat_tool::{Surroundings, docker::Engine, local::Account};
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use crate::{
    failure::{Exit, Failure},
    state::StateFolder,
};

/// The role of the resource that is the platform's cluster, whichever kind it is of.
pub const CLUSTER: KindName = KindName::new("cluster");

/// The world around one platform.
#[derive(Clone)]
pub struct World {
    /// The platform.
    pub platform: PlatformName,
    /// The account of this machine that devplat runs as.
    pub account: Account,
    /// Whether the user agreed to go on with a platform of another account.
    pub take_over: bool,
    /// Where devplat keeps what it remembers of the platform.
    pub state: StateFolder,
    /// What resources gave to those that need them.
    pub outputs: Arc<Outputs>,
    /// The user's wish to stop.
    pub stop: Stop,
    /// The time, for the journal.
    pub now: fn() -> jiff::Timestamp,
    /// The variables and the home folder that devplat was started with.
    pub surroundings: Surroundings,
    /// The Docker engine, if the platform has to do with one.
    pub engine: Option<Engine>,
    /// The cluster that the user named, if the platform is in one.
    pub named: Option<NamedCluster>,
    /// Runs the programs that a kubeconfig names for logging in.
    pub plugins: Arc<dyn connect::Plugins>,
    /// A folder for files that programs such as k3d insist on writing.
    pub scratch_folder: PathBuf,
    /// The kubeconfig that kind and k3d write, in place of the user's.
    pub scratch_kubeconfig: PathBuf,
    client: Arc<Mutex<Option<(ClusterAccess, kube::Client)>>>,
}

/// What a world is made from.
pub struct Parts {
    /// The platform.
    pub platform: PlatformName,
    /// The account of this machine that devplat runs as.
    pub account: Account,
    /// Whether the user agreed to go on with a platform of another account.
    pub take_over: bool,
    /// Where devplat keeps what it remembers of the platform.
    pub state: StateFolder,
    /// The user's wish to stop.
    pub stop: Stop,
    /// The time, for the journal.
    pub now: fn() -> jiff::Timestamp,
    /// The variables and the home folder that devplat was started with.
    pub surroundings: Surroundings,
    /// The Docker engine, if the platform has to do with one.
    pub engine: Option<Engine>,
    /// The cluster that the user named, if the platform is in one.
    pub named: Option<NamedCluster>,
    /// Runs the programs that a kubeconfig names for logging in.
    pub plugins: Arc<dyn connect::Plugins>,
}

impl World {
    /// The world of these parts, of which nothing is known yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { platform, account, take_over, state, stop, now, surroundings, engine, named, plugins } =
            parts;
        let scratch_folder = state.scratch();
        let scratch_kubeconfig = scratch_folder.join("kubeconfig");
        Self {
            scratch_folder,
            scratch_kubeconfig,
            platform,
            account,
            take_over,
            state,
            outputs: Arc::default(),
            stop,
            now,
            surroundings,
            engine,
            named,
            plugins,
            client: Arc::default(),
        }
    }

    /// The same world for work that a request to stop does not end.
    #[must_use]
    pub fn unstoppable(&self) -> Self {
        Self { stop: Stop::default(), ..self.clone() }
    }

    /// How the platform's cluster is reached; `None` if it is not there or not running.
    pub fn cluster(&self) -> Option<ClusterAccess> {
        self.outputs.get(&Ref::to(CLUSTER.single()))
    }

    /// The Docker engine; an error if the platform has to do with none.
    pub fn engine(&self) -> Result<&Engine, Failure> {
        self.engine.as_ref().ok_or_else(|| Failure::new(Exit::Internal, "this platform has no Docker engine"))
    }

    /// A client of the platform's cluster, which has to be running.
    pub async fn client(&self) -> Result<kube::Client, Failure> {
        let Some(access) = self.cluster() else {
            return Err(Failure::new(Exit::PartWay, "the platform's cluster is not running")
                .hint(format!("`{}` starts it", self.command("up"))));
        };
        self.client_of(&access).await
    }

    /// A client of the cluster behind `access`. The last one is kept: its login may have asked a program.
    pub async fn client_of(&self, access: &ClusterAccess) -> Result<kube::Client, Failure> {
        let mut kept = self.client.lock().await;
        if let Some((of, client)) = &*kept
            && of == access
        {
            return Ok(client.clone());
        }
        let client = access.connect(self).await?;
        *kept = Some((access.clone(), client.clone()));
        Ok(client)
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

    /// Makes the folder for files of programs.
    pub fn make_scratch(&self) -> Result<(), Failure> {
        Ok(self.state.make_scratch()?)
    }

    /// The command line of `verb` for this platform.
    pub fn command(&self, verb: &str) -> String {
        if self.platform == PlatformName::default() {
            format!("devplat {verb}")
        } else {
            format!("devplat {verb} --name {}", self.platform)
        }
    }
}

/// Finders wait through the world: nothing of theirs is progress of a step.
impl Pace for World {
    fn report(&self, _: &Waiting) {}

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        World::pause(self, period)
    }
}
