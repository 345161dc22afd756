//! Admission: pods are tried with `dryRun=All` before a release is applied, and a rejection is explained by facts of
//! the cluster, not by the text of the answer.

mod attempt;
mod cause;
mod ground;
mod hooks;
mod limits;
mod matching;
mod pods;
mod refusal;
mod security;
mod trial;
pub(crate) mod webhooks;

pub use matching::{Called, Operation};
pub use pods::try_pods;
pub use refusal::{AdmissionRefusal, BrokenWebhook, RefusalKind, WebhookFault};
pub(crate) use security::hardened;
pub use trial::PodTrial;
pub use webhooks::name_webhooks;
