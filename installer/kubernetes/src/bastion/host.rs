//! The Deployment of the bastion: whether it is there, and the host by which developers reach it, which the release of the
//! profile has passed to it.

use std::time::Duration;

use devplat_api::{BastionHost, name};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};

use crate::{
    CallError, Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, bounded, if_there},
};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// The flag of the bastion that names the host.
const FLAG: &str = "--host=";

/// Returns whether the bastion is installed, by one question.
pub async fn is_installed(client: &Client) -> Result<bool, CallError> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let found = bounded(&read(), PATIENCE, deployments.get_metadata_opt(name::BASTION)).await?;
    Ok(found.is_some())
}

/// Returns the host that the profile names for developers; `None` if it names none.
pub async fn public_host(client: &Client, pace: &dyn Pace) -> Result<Option<BastionHost>, Error> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), name::BASTION_NAMESPACE);
    let attempt = || async { if_there(deployments.get(name::BASTION).await) };
    Ok(ApiServer { client, pace }.call(&read(), attempt).await?.as_ref().and_then(flag))
}

fn read() -> Call {
    let object = ObjectRef::new("apps/v1", "Deployment", Some(name::BASTION_NAMESPACE), name::BASTION);
    Call::new(CallVerb::Read, &object)
}

fn flag(deployment: &Deployment) -> Option<BastionHost> {
    let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
    let bastion = containers.iter().find(|container| container.name == name::BASTION)?;
    bastion.args.iter().flatten().find_map(|argument| argument.strip_prefix(FLAG)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(args: &[&str]) -> Option<String> {
        let deployment = json!({"spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "devctl", "args": ["--host=other"]}, {"name": "bastion", "args": args}]}}}});
        flag(&serde_json::from_value(deployment).unwrap()).map(|host| host.to_string())
    }

    #[test]
    fn host_is_the_one_that_the_bastion_was_started_with() {
        assert_eq!(named(&["serve", "--host=dev.example.com:2222"]).as_deref(), Some("dev.example.com:2222"));
        assert_eq!(named(&["serve"]), None);
        assert_eq!(named(&["serve", "--host=-x"]), None);
    }
}
