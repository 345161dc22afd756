//! Which replica leads: whoever holds the Lease.
//!
//! Crates for this exist, but of those for kube 5 none steps down when it can't renew, and none lets a
//! successor take over before the old term is out. Times are compared by this machine's own
//! clock only, so clocks that disagree do no harm.

mod decide;

use std::{sync::Arc, time::Duration};

use devplat_api::name;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep, timeout_at};

use self::decide::{Seen, Step, TERM, decide};
use crate::metrics::Metrics;

/// Name of the Lease.
const LEASE: &str = "devserver-operator";
/// How often a leader renews.
const RENEW: Duration = Duration::from_secs(5);
/// A leader that could not renew for so long steps down, well before its term is out.
const GIVE_UP: Duration = Duration::from_secs(10);
/// How often the others look; also about how long a handover takes.
const LOOK: Duration = Duration::from_secs(1);

/// The election of one replica.
pub(crate) struct Election {
    api: Api<Lease>,
    identity: String,
    metrics: Arc<Metrics>,
}

/// A term that has begun.
pub(crate) struct Term {
    lease: Lease,
    renewed: Instant,
}

impl Election {
    /// Takes part as `identity`.
    pub(crate) fn new(client: Client, namespace: &str, identity: String, metrics: Arc<Metrics>) -> Self {
        Self { api: Api::namespaced(client, namespace), identity, metrics }
    }

    /// Waits until this replica leads.
    pub(crate) async fn win(&self) -> Term {
        let mut seen: Option<Seen> = None;
        loop {
            match self.attempt(&mut seen).await {
                Ok(Some(term)) => return term,
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot look at the lease {LEASE}"
                    );
                }
            }
            sleep(LOOK).await;
        }
    }

    /// Renews `term` until it is lost.
    pub(crate) async fn keep(&self, term: &mut Term) {
        loop {
            sleep(RENEW).await;
            let give_up = term.renewed + GIVE_UP;
            let mut next = term.lease.clone();
            next.spec.get_or_insert_default().renew_time = Some(now());
            loop {
                let begun = Instant::now();
                match timeout_at(give_up, self.replace(&next)).await {
                    Ok(Ok(lease)) => {
                        *term = Term { lease, renewed: begun };
                        break;
                    }
                    Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                        tracing::warn!("the lease is somebody else's now");
                        return;
                    }
                    Ok(Err(error)) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "cannot renew the lease");
                        if Instant::now() + LOOK >= give_up {
                            return;
                        }
                        sleep(LOOK).await;
                    }
                    Err(_) => return,
                }
            }
        }
    }

    /// Ends `term` now, so that the next one can begin.
    pub(crate) async fn release(&self, mut term: Term) {
        let spec = term.lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.renew_time = Some(now());
        if let Err(error) = self.replace(&term.lease).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot release the lease; the next term begins when it is out"
            );
        }
    }

    async fn attempt(&self, seen: &mut Option<Seen>) -> Result<Option<Term>, kube::Error> {
        let begun = Instant::now();
        let found = self.api.get_opt(LEASE).await?;
        let lease =
            match decide(found.as_ref().and_then(|lease| lease.spec.as_ref()), seen, &self.identity, begun) {
                Step::Wait => return Ok(None),
                Step::Take { transitions } => {
                    let spec = LeaseSpec {
                        acquire_time: Some(now()),
                        holder_identity: Some(self.identity.clone()),
                        lease_duration_seconds: i32::try_from(TERM.as_secs()).ok(),
                        lease_transitions: Some(transitions),
                        renew_time: Some(now()),
                        ..LeaseSpec::default()
                    };
                    match found {
                        Some(lease) => self.replace(&Lease { spec: Some(spec), ..lease }).await,
                        None => self.create(spec).await,
                    }
                }
            };
        match lease {
            Ok(lease) => Ok(Some(Term { lease, renewed: begun })),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        let metadata = ObjectMeta { name: Some(LEASE.into()), ..ObjectMeta::default() };
        self.metrics.count_write("Lease", "lease");
        self.api.create(&params(), &Lease { metadata, spec: Some(spec) }).await
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, kube::Error> {
        self.metrics.count_write("Lease", "lease");
        self.api.replace(LEASE, &params(), lease).await
    }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(name::OPERATOR.into()), ..PostParams::default() }
}

fn now() -> MicroTime {
    MicroTime(Timestamp::now())
}
