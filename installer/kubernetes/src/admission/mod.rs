//! Admission: pods are tried with `dryRun=All` before a release is applied, and a rejection is explained by facts of
//! the cluster, not by the text of the answer.

mod limits;
mod pods;
mod refusal;
pub(crate) mod webhooks;

pub(crate) use pods::hardened;
pub use pods::{PodTrial, try_pods};
pub use refusal::{AdmissionRefusal, BrokenWebhook, RefusalKind, WebhookFault};
pub use webhooks::name_webhooks;
