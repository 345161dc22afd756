//! The rejection of an object by admission, with the policy that rejects it.

use std::fmt;

use super::Called;
use crate::{CommandLines, ObjectRef, call::ErrorAnswer};

/// An object that admission rejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionRefusal {
    pub object: ObjectRef,
    /// The policy that rejects it.
    pub kind: RefusalKind,
    /// The API server's answer.
    pub answer: ErrorAnswer,
}

/// The policy that rejects an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalKind {
    /// Pod Security: the pod is accepted with the security context that level `restricted` requires.
    PodSecurity,
    /// A `ResourceQuota` of the namespace.
    ResourceQuota {
        name: String,
        /// The resource that is exhausted, or that containers do not set, such as `limits.cpu`.
        resource: String,
    },
    /// A `LimitRange` of the namespace.
    LimitRange { name: String },
    /// A webhook that cannot answer.
    Webhook(BrokenWebhook),
    /// Webhooks that the call had to pass, or may have had to, one of which probably did not answer.
    SuspectWebhooks(Vec<BrokenWebhook>),
    /// A webhook that denies the request.
    WebhookDenied,
    /// Another policy, which the API server's message names.
    Other,
}

impl fmt::Display for AdmissionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, kind, answer } = self;
        match kind {
            RefusalKind::Webhook(webhook) => write!(f, "{webhook}")?,
            RefusalKind::SuspectWebhooks(webhooks) => {
                let all: Vec<String> = webhooks.iter().map(ToString::to_string).collect();
                f.write_str(&all.join("; "))?;
            }
            RefusalKind::PodSecurity => write!(f, "Pod Security rejects {object}")?,
            RefusalKind::ResourceQuota { name, resource } => {
                write!(f, "ResourceQuota {name} rejects {object} for {resource}")?;
            }
            RefusalKind::LimitRange { name } => write!(f, "LimitRange {name} rejects {object}")?,
            RefusalKind::WebhookDenied => write!(f, "an admission webhook rejects {object}")?,
            RefusalKind::Other => write!(f, "a policy of the cluster rejects {object}")?,
        }
        write!(f, ": {answer}")
    }
}

impl std::error::Error for AdmissionRefusal {}

impl AdmissionRefusal {
    /// Whether the policy is known. A suspicion is confirmed by a second attempt.
    pub(crate) fn is_certain(&self) -> bool {
        match self.kind {
            RefusalKind::SuspectWebhooks(_) => false,
            RefusalKind::PodSecurity
            | RefusalKind::ResourceQuota { .. }
            | RefusalKind::LimitRange { .. }
            | RefusalKind::Webhook(_)
            | RefusalKind::WebhookDenied
            | RefusalKind::Other => true,
        }
    }

    /// The remedies. Without `lines`, they contain no command lines.
    pub fn hints(&self, lines: Option<&CommandLines>) -> Vec<String> {
        let Self { object, kind, answer: _ } = self;
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let hint = match kind {
            RefusalKind::PodSecurity => CommandLines::by_kubectl(
                lines,
                &format!("label namespace {namespace} with {BASELINE} (or privileged)"),
                &format!("label --overwrite namespace {namespace} {BASELINE}"),
            ),
            RefusalKind::ResourceQuota { name, resource } => format!(
                "raise {resource} in ResourceQuota {name} of namespace {namespace}, or set requests and limits in \
                 the profile: {RESOURCES}"
            ),
            RefusalKind::LimitRange { name } => format!(
                "change LimitRange {name} of namespace {namespace}, or requests and limits in the profile: \
                 {RESOURCES}"
            ),
            RefusalKind::Webhook(webhook) => webhook.hint(lines),
            RefusalKind::SuspectWebhooks(webhooks) => {
                return webhooks.iter().map(|webhook| webhook.hint(lines)).collect();
            }
            RefusalKind::WebhookDenied | RefusalKind::Other => {
                "ask the cluster's administrator for an exception to this policy".to_owned()
            }
        };
        vec![hint]
    }
}

/// The label of a namespace that accepts pods without a hardened security context.
const BASELINE: &str = "pod-security.kubernetes.io/enforce=baseline";
/// The keys of a profile with requests and limits.
const RESOURCES: &str =
    "operator.resources, bastion.resources, bastion.devctlResources, or resources of the flavor";

/// A webhook that cannot answer, or may not, and that fails the calls that it does not answer (`failurePolicy: Fail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenWebhook {
    /// Its `ValidatingWebhookConfiguration` or `MutatingWebhookConfiguration`.
    pub configuration: ObjectRef,
    /// Its name in the configuration.
    pub webhook: String,
    /// Whether the API server calls it for the object.
    pub called: Called,
    /// The reason.
    pub fault: WebhookFault,
}

/// The reason why a webhook gives no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookFault {
    /// Its Service does not exist.
    ServiceAbsent(ObjectRef),
    /// No pod is ready behind its Service.
    NoEndpoints(ObjectRef),
    /// Its Service has a ready pod, or it is called by this URL: whether it answers is known only to the API server.
    MayNotAnswer(String),
}

impl fmt::Display for BrokenWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { configuration, webhook, called, fault } = self;
        let doubt = match called {
            Called::Surely => "",
            Called::Perhaps => ", which may match,",
        };
        write!(f, "webhook {webhook} of {configuration}{doubt} calls ")?;
        match fault {
            WebhookFault::ServiceAbsent(service) => write!(f, "{service}, which does not exist"),
            WebhookFault::NoEndpoints(service) => write!(f, "{service}, which has no ready pod"),
            WebhookFault::MayNotAnswer(address) => write!(f, "{address}, which may not answer"),
        }
    }
}

impl BrokenWebhook {
    /// Whether it is known that the webhook cannot answer.
    pub(super) fn is_broken(&self) -> bool {
        match self.fault {
            WebhookFault::ServiceAbsent(_) | WebhookFault::NoEndpoints(_) => true,
            WebhookFault::MayNotAnswer(_) => false,
        }
    }

    fn hint(&self, lines: Option<&CommandLines>) -> String {
        let Self { configuration, webhook: _, called: _, fault } = self;
        let repair = match fault {
            WebhookFault::ServiceAbsent(service) => format!("restore {service}"),
            WebhookFault::NoEndpoints(service) => format!("start the pods of {service}"),
            WebhookFault::MayNotAnswer(address) => format!("check that {address} answers the API server"),
        };
        CommandLines::by_kubectl(
            lines,
            &format!("{repair}, or delete {configuration} if it is no longer needed"),
            &format!("delete {} {}", configuration.kind.to_lowercase(), configuration.name),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: RefusalKind) -> AdmissionRefusal {
        let answer = ErrorAnswer {
            code: 403,
            reason: "Forbidden".to_owned(),
            message: "no".to_owned(),
            resource: None,
            fields: Box::default(),
        };
        AdmissionRefusal { object: ObjectRef::new("v1", "Pod", Some("a"), "b"), kind, answer }
    }

    fn webhook() -> BrokenWebhook {
        let kind = "ValidatingWebhookConfiguration";
        BrokenWebhook {
            configuration: ObjectRef::new("admissionregistration.k8s.io/v1", kind, None, "policy"),
            webhook: "check.example".to_owned(),
            called: Called::Surely,
            fault: WebhookFault::MayNotAnswer("https://127.0.0.1:1".to_owned()),
        }
    }

    #[test]
    fn command_lines_of_remedies_lead_to_the_cluster() {
        let lines = CommandLines::example();
        for (kind, arguments) in [
            (
                RefusalKind::PodSecurity,
                "label --overwrite namespace a pod-security.kubernetes.io/enforce=baseline",
            ),
            (RefusalKind::Webhook(webhook()), "delete validatingwebhookconfiguration policy"),
            (RefusalKind::SuspectWebhooks(vec![webhook()]), "delete validatingwebhookconfiguration policy"),
        ] {
            let refusal = refusal(kind);
            let hints = refusal.hints(Some(&lines)).join("\n");
            assert!(hints.ends_with(&format!(": `{} {arguments}`", lines.kubectl)), "{hints}");
            let without = refusal.hints(None).join("\n");
            assert!(!without.is_empty() && !without.contains("kubectl"), "{without}");
        }
    }
}
