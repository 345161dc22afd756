//! The clusters that tests share. Each test has its own client, because a client belongs to the runtime of its test.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use devplat_kubernetes::CommandLines;
use devplat_tests::{
    audit::Entry,
    control_plane::{self, ControlPlane, Parts, Token},
    waiting::until,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client, config::Kubeconfig};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{
    operator::{self, Operator},
    releases,
};

/// How long a change may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// The command lines in the remedies that tests read.
pub(crate) fn command_lines() -> CommandLines {
    CommandLines { up: "devplat up".to_owned(), kubectl: "kubectl --context test".to_owned() }
}

/// A cluster without devplat, for tests that install it.
pub(crate) mod bare {
    use super::{Client, ControlPlane, Kubeconfig, OnceCell, Parts, control_plane};

    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

    pub(crate) async fn kubeconfig() -> Kubeconfig {
        PLANE.get_or_init(async || ControlPlane::start(Parts::Cleaning).await.unwrap()).await.kubeconfig()
    }

    pub(crate) async fn client() -> Client {
        control_plane::client(kubeconfig().await).await.unwrap()
    }
}

/// A cluster with devplat and a running operator, which has exactly the rights that `devplat up` gives it.
pub(crate) struct Platform {
    pub(crate) plane: ControlPlane,
    pub(crate) operator: Operator,
}

pub(crate) async fn platform() -> &'static Platform {
    static PLATFORM: OnceCell<Platform> = OnceCell::const_new();
    let start = async || {
        let plane = with_devplat().await;
        let token = operator::token(&plane.client().await.unwrap()).await;
        let operator = Operator::start(plane.kubeconfig_with(&token), "shared", operator::defaults());
        Platform { plane, operator }
    };
    PLATFORM.get_or_init(start).await
}

/// A cluster with devplat but without an operator, for tests that start and stop their own. One test at a time uses it.
pub(crate) struct Quiet {
    pub(crate) plane: &'static ControlPlane,
    _turn: MutexGuard<'static, ()>,
}

pub(crate) async fn quiet() -> Quiet {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    Quiet { plane: PLANE.get_or_init(with_devplat).await, _turn: turn }
}

impl Quiet {
    pub(crate) async fn client(&self) -> Client {
        self.plane.client().await.unwrap()
    }

    /// Returns the writes of its operators so far, without their leases.
    ///
    /// The API server logs a request after its answer, so this asks for something that does not exist and waits for
    /// that line.
    pub(crate) async fn writes(&self) -> Vec<Entry> {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let name = format!("asked-{}", ASKED.fetch_add(1, Ordering::Relaxed));
        let configs = Api::<ConfigMap>::namespaced(self.client().await, "default");
        assert!(configs.get_opt(&name).await.unwrap().is_none());
        let mut entries = until(format!("{name} in the audit log"), PATIENCE, async || {
            let entries = self.plane.audit().entries().map_err(|error| error.to_string())?;
            let logged = entries.iter().any(|entry| entry.object_ref.name == name);
            if logged { Ok(entries) } else { Err(format!("{} lines", entries.len())) }
        })
        .await
        .unwrap();
        entries.retain(|entry| entry.is_write() && entry.user.username.starts_with("operator-"));
        entries
    }

    /// Returns an operator whose writes the audit log distinguishes from those of others.
    pub(crate) fn operator(&self, user: &str) -> Operator {
        self.operator_with(user, operator::defaults())
    }

    pub(crate) fn operator_with(&self, user: &str, defaults: devplat_operator::Defaults) -> Operator {
        Operator::start(self.plane.kubeconfig_with(&Token::of(user)), user, defaults)
    }
}

async fn with_devplat() -> ControlPlane {
    let plane = ControlPlane::start(Parts::Everything).await.unwrap();
    releases::install(&plane.client().await.unwrap()).await;
    plane
}
