//! The clusters that tests share. A test has a client of its own: a client belongs to the runtime of its test.

use devplat_tests::{
    audit::Entry,
    control_plane::{self, ControlPlane, Parts, Token},
};
use kube::{Client, config::Kubeconfig};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{
    operator::{self, Operator},
    releases,
};

/// One without devplat, for tests that bring it along.
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

/// One with devplat and a running operator, which has the rights that it gets from `devplat up` and no others.
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

/// One with devplat and no operator, for tests that start and end their own; to one test at a time.
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

    /// What its operators wrote so far, their leases aside.
    pub(crate) fn writes(&self) -> Vec<Entry> {
        let mut entries = self.plane.audit().entries().unwrap();
        entries.retain(|entry| entry.is_write() && entry.user.username.starts_with("operator-"));
        entries
    }

    /// An operator whose writes can be told from those of others.
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
