//! The trial of the platform's pods in dry runs, before the first object of any release is applied.

use devplat_api::{Slug, name};
use devplat_kubernetes::{
    CommandLines,
    admission::{self, AdmissionRefusal, PodTrial, RefusalKind},
    proof, release,
};
use devplat_profile::PodSecurity;
use devplat_render::{ImageReferences, ReleaseName};
use kube::Client;

use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    resource::Cx,
};

/// Fails if the cluster would reject pods of the platform, with all rejections. An installation, whose `first` release is
/// that of the CRDs, also tries the pod of a dev server: with the default flavor, in a namespace with the labels that the
/// operator sets.
pub(super) async fn try_pods(
    first: ReleaseName,
    inputs: &PlatformInputs,
    client: &Client,
    cx: &Cx,
) -> Result<(), Failure> {
    let images = inputs.future_references()?;
    let mut trials = release::trials(client, &inputs.future_releases(&images)?, cx).await?;
    if first == ReleaseName::Crds {
        trials.extend(dev_server(inputs, &images)?);
    }
    let refusals = admission::try_pods(client, &trials, cx).await?;
    let Judged { remarks, failure } = judge(refusals, &cx.context.command_lines());
    for remark in &remarks {
        cx.remark(remark);
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// Returns the trial of a dev server's pod; `None` if the profile lacks the default flavor.
fn dev_server(inputs: &PlatformInputs, images: &ImageReferences) -> Result<Option<PodTrial>, Failure> {
    let servers = &inputs.profile.dev_servers;
    let Some(flavor) = inputs.profile.flavors.get(&servers.default_flavor) else { return Ok(None) };
    let resources = serde_json::to_value(&flavor.resources).and_then(serde_json::from_value);
    let resources = resources.map_err(|error| Failure::of(Exit::Internal, &error))?;
    let level = match servers.pod_security {
        PodSecurity::Privileged => Some("privileged"),
        PodSecurity::Baseline => Some("baseline"),
        PodSecurity::Unlabelled => None,
    };
    let labels =
        level.map(|level| (name::POD_SECURITY_LABEL.to_owned(), level.to_owned())).into_iter().collect();
    let namespace = Slug::of(proof::NAME).namespace();
    let ImageReferences { operator: _, bastion: _, agent, dev_server } = images;
    Ok(Some(PodTrial::dev_server(&namespace, labels, resources, dev_server, agent)))
}

/// The effect of rejected trials on the run.
struct Judged {
    remarks: Vec<String>,
    failure: Option<Failure>,
}

/// Judges rejections of trials. A webhook may deny only dry runs, so its denial is a remark, and the pods themselves
/// decide.
fn judge(refusals: Vec<AdmissionRefusal>, lines: &CommandLines) -> Judged {
    let (denied, refused): (Vec<_>, Vec<_>) =
        refusals.into_iter().partition(|refusal| refusal.kind == RefusalKind::WebhookDenied);
    let remarks = denied.iter().map(|refusal| format!("in a dry run, {refusal}")).collect();
    if refused.is_empty() {
        return Judged { remarks, failure: None };
    }
    let mut failure = Failure::new(Exit::Missing, "the cluster rejects devplat's pods");
    for refusal in refused {
        failure.causes.push(refusal.to_string());
        for hint in refusal.hints(Some(lines)) {
            if !failure.hints.contains(&hint) {
                failure.hints.push(hint);
            }
        }
    }
    Judged { remarks, failure: Some(failure) }
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::{ObjectRef, call::ErrorAnswer};

    use super::*;

    fn judged(refusals: Vec<AdmissionRefusal>) -> Judged {
        let kubectl = "kubectl --context there".to_owned();
        judge(refusals, &CommandLines { up: "devplat up".to_owned(), kubectl })
    }

    fn refusal(namespace: &str, kind: RefusalKind) -> AdmissionRefusal {
        let object = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: "devplat-trial".to_owned(),
        };
        let answer = ErrorAnswer {
            code: 403,
            reason: "Forbidden".to_owned(),
            message: "no".to_owned(),
            resource: None,
            fields: Box::default(),
        };
        AdmissionRefusal { object, kind, answer }
    }

    #[test]
    fn every_rejection_is_a_cause_with_its_remedy() {
        let quota = RefusalKind::ResourceQuota { name: "team".to_owned(), resource: "limits.cpu".to_owned() };
        let Judged { remarks, failure } = judged(vec![
            refusal("a", quota),
            refusal("b", RefusalKind::PodSecurity),
            refusal("b", RefusalKind::PodSecurity),
        ]);
        assert_eq!(remarks, [""; 0]);
        let failure = failure.unwrap();
        assert_eq!(failure.exit, Exit::Missing);
        assert_eq!(failure.causes.len(), 3);
        assert!(
            failure.causes[0].starts_with("ResourceQuota team rejects Pod a/devplat-trial for limits.cpu")
        );
        assert!(failure.causes[1].starts_with("Pod Security rejects Pod b/devplat-trial"));
        assert_eq!(failure.hints.len(), 2, "{:?}", failure.hints);
        assert!(failure.hints[0].contains("operator.resources"), "{:?}", failure.hints);
        assert!(failure.hints[1].contains(": `kubectl --context there label "), "{:?}", failure.hints);
    }

    #[test]
    fn denial_of_a_trial_by_a_webhook_is_only_a_remark() {
        let Judged { remarks, failure } = judged(vec![refusal("a", RefusalKind::WebhookDenied)]);
        assert_eq!(failure, None);
        let text = "in a dry run, an admission webhook rejects Pod a/devplat-trial: the API server answered 403 \
                    Forbidden: no";
        assert_eq!(remarks, [text]);
        let both = judged(vec![refusal("a", RefusalKind::WebhookDenied), refusal("a", RefusalKind::Other)]);
        assert_eq!((both.remarks.len(), both.failure.map(|failure| failure.causes.len())), (1, Some(1)));
    }
}
