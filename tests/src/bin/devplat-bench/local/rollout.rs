//! `up` with another operator program: the time until every replica of the operator runs it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use devplat_tests::{control_plane::client, platform::Platform, waiting::until};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStatus};
use kube::{Api, config::Kubeconfig};

use super::{maker::Maker, programs::Programs};

const NAMESPACE: &str = "devserver-operator-system";
const NAME: &str = "devserver-operator";
/// A limit that no rollout ever reached.
const LONG: Duration = Duration::from_mins(5);

/// Seconds from the start of `up`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rollout {
    /// Until every replica of the new operator was available and all old replicas were gone.
    pub(super) rolled_out: f64,
    /// Until the end of `up`, with the proof.
    pub(super) whole: f64,
}

/// Changes the operator's program, and measures `up`.
pub(super) async fn measure(maker: Maker, platform: &Platform, programs: &Programs) -> Result<Rollout> {
    let client = client(Kubeconfig::read_from(platform.kubeconfig())?).await?;
    let deployments: Api<Deployment> = Api::namespaced(client, NAMESPACE);
    let before = image(&deployments.get(NAME).await?).context("the operator has no image")?.to_owned();
    programs.change_operator()?;
    let begun = Instant::now();
    let mut up = programs.devplat(platform, &maker.up())?.start()?;
    let rolled_out = until("the new operator", LONG, async || {
        let running = up.runs().map_err(|error| error.to_string())?;
        let deployment = deployments.get(NAME).await.map_err(|error| error.to_string())?;
        match (runs_another(&deployment, &before), running) {
            (true, _) => Ok(Some(begun.elapsed().as_secs_f64())),
            // `up` had already ended before this check, so no change will follow.
            (false, false) => Ok(None),
            (false, true) => Err("the rollout is not complete"),
        }
        .map_err(str::to_owned)
    })
    .await?;
    up.wait(LONG)?.expect(0)?;
    let whole = begun.elapsed().as_secs_f64();
    match rolled_out {
        Some(rolled_out) => Ok(Rollout { rolled_out, whole }),
        None => bail!("`up` ended before deployment {NAMESPACE}/{NAME} ran the new operator"),
    }
}

/// Returns whether a Deployment has rolled out completely, by the conditions of `kubectl rollout status`, with an image
/// other than `before`.
fn runs_another(deployment: &Deployment, before: &str) -> bool {
    let Some(wanted) = deployment.spec.as_ref().map(|DeploymentSpec { replicas, .. }| replicas.unwrap_or(1))
    else {
        return false;
    };
    let Some(DeploymentStatus {
        observed_generation, replicas, updated_replicas, available_replicas, ..
    }) = deployment.status
    else {
        return false;
    };
    image(deployment).is_some_and(|image| image != before)
        && observed_generation >= deployment.metadata.generation
        && updated_replicas == Some(wanted)
        && replicas == Some(wanted)
        && available_replicas == Some(wanted)
}

fn image(deployment: &Deployment) -> Option<&str> {
    deployment.spec.as_ref()?.template.spec.as_ref()?.containers.first()?.image.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns a Deployment of two replicas with the image `new` and `changes` in its status.
    fn deployment(changes: &Value) -> Deployment {
        let mut status =
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        for (key, value) in changes.as_object().unwrap() {
            status[key] = value.clone();
        }
        serde_json::from_value(json!({
            "metadata": {"generation": 2},
            "spec": {
                "replicas": 2,
                "selector": {},
                "template": {"spec": {"containers": [{"name": "operator", "image": "new"}]}},
            },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn complete_rollout_of_another_image_counts() {
        assert!(runs_another(&deployment(&json!({})), "old"));
        assert!(!runs_another(&deployment(&json!({})), "new"), "the image is the old one");
    }

    #[test]
    fn incomplete_rollout_does_not_count() {
        for changes in [
            json!({"observedGeneration": 1}),
            json!({"updatedReplicas": 1}),
            json!({"replicas": 3}),
            json!({"availableReplicas": 1}),
            json!({"availableReplicas": null}),
        ] {
            assert!(!runs_another(&deployment(&changes), "old"), "{changes}");
        }
    }
}
