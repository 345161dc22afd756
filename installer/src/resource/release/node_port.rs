//! The fixed node port of the bastion: whether another Service has it, found before the first step, and the remedies.

use devplat_api::name;
use devplat_kubernetes::{
    ObjectRef,
    release::{NodePortError, node_port_holder},
};
use devplat_plan::{Blocked, Plan};
use devplat_profile::Exposure;
use devplat_render::ReleaseName;
use devplat_tool::local::Maker;

use crate::{
    command_line::quoted,
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    resource::names::release_id,
};

use super::standing::applies_to_the_found_cluster;

/// Returns why the bastion cannot get its node port in the cluster that the plan keeps. Fails if the Services cannot be
/// listed.
pub(super) async fn taken(
    plan: &Plan,
    inputs: &PlatformInputs,
    context: &PlatformContext,
) -> Result<Option<Blocked>, Failure> {
    let Exposure::NodePort(port) = inputs.profile.bastion.exposure else { return Ok(None) };
    let id = release_id(ReleaseName::Bastion);
    if !applies_to_the_found_cluster(&id, plan) || context.cluster().is_none() {
        return Ok(None);
    }
    let service = bastion();
    let holder = node_port_holder(&context.client().await?, &service, port, context).await?;
    Ok(holder.map(|holder| Blocked::Taken {
        id,
        what: format!("node port {port}"),
        remedies: remedies(&holder, port, inputs.maker(), &context.kubectl()),
        holder: holder.to_string(),
    }))
}

fn bastion() -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        namespace: Some(name::BASTION_NAMESPACE.to_owned()),
        name: name::BASTION.to_owned(),
    }
}

/// Returns the kind of failure: only a leaked port may become free without a change by the user.
pub(super) fn exit(error: &NodePortError) -> Exit {
    match error {
        NodePortError::Held { .. } | NodePortError::OutsideRange { .. } => Exit::Usage,
        NodePortError::Leaked { .. } => Exit::PartWay,
    }
}

/// Returns the remedies for a node port that the API server does not give. `maker` is the program that created the cluster.
pub(super) fn hints(error: &NodePortError, maker: Option<Maker>, kubectl: &str) -> Vec<String> {
    match error {
        NodePortError::Held { service: _, port, holder } => remedies(holder, *port, maker, kubectl),
        NodePortError::Leaked { .. } => vec![
            "look for failed writes in the logs of the API server and etcd, such as on a full disk, then run the same \
             command again"
                .to_owned(),
            another_port(maker),
        ],
        NodePortError::OutsideRange { .. } => vec![another_port(maker)],
    }
}

fn remedies(holder: &ObjectRef, port: u16, maker: Option<Maker>, kubectl: &str) -> Vec<String> {
    let ObjectRef { api_version: _, kind: _, namespace, name } = holder;
    let namespace = quoted(namespace.as_deref().unwrap_or_default());
    let edit = format!(
        "give {holder} another node port than {port}: `{kubectl} --namespace {namespace} edit service {}`",
        quoted(name)
    );
    match maker {
        // The other Service can change without a new cluster.
        Some(_) => vec![edit, another_port(maker)],
        None => vec![another_port(maker), edit],
    }
}

fn another_port(maker: Option<Maker>) -> String {
    const SET: &str = "choose another port, from 30000 to 32767 unless the cluster has another range: --set bastion.nodePort=NUMBER";
    match maker {
        Some(maker) => format!(
            "{SET}; that replaces the {} cluster, because ports of this machine are mapped to node ports when it is created",
            maker.name()
        ),
        None => SET.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_plan::{Action, Step, StepId};

    use super::*;
    use crate::resource::CLUSTER;

    fn held() -> NodePortError {
        let holder = ObjectRef { namespace: Some("shop".to_owned()), name: "web".to_owned(), ..bastion() };
        NodePortError::Held { service: bastion(), port: 30022, holder }
    }

    #[test]
    fn holder_of_the_port_and_both_ways_out_are_named() {
        let edit = "give Service shop/web another node port than 30022: `kubectl --context a --namespace shop edit \
                    service web`";
        let existing = hints(&held(), None, "kubectl --context a");
        assert_eq!(existing[1], edit);
        assert!(existing[0].ends_with("--set bastion.nodePort=NUMBER"), "{existing:?}");
        let created = hints(&held(), Some(Maker::K3d), "kubectl --context a");
        assert_eq!(created[0], edit);
        assert!(created[1].contains("that replaces the k3d cluster"), "{created:?}");
    }

    #[test]
    fn port_that_only_the_user_can_change_is_wrong_configuration() {
        assert_eq!(exit(&held()), Exit::Usage);
        let leaked = NodePortError::Leaked { service: bastion(), port: 30022, after: Duration::ZERO };
        assert_eq!(exit(&leaked), Exit::PartWay);
    }

    #[test]
    fn only_a_release_for_the_found_cluster_needs_a_free_port() {
        let step = |id, action| Step {
            id: StepId { id, generation: 0, deletes: None },
            action,
            reason: String::new(),
            after: Vec::new(),
            after_usable: Vec::new(),
            usual: Duration::ZERO,
        };
        let applies = |cluster, bastion| {
            let steps =
                vec![step(CLUSTER.single(), cluster), step(release_id(ReleaseName::Bastion), bastion)];
            applies_to_the_found_cluster(&release_id(ReleaseName::Bastion), &Plan { steps })
        };
        assert!(applies(Action::Keep, Action::Create));
        assert!(applies(Action::Update, Action::Check));
        assert!(!applies(Action::Keep, Action::Keep));
        assert!(!applies(Action::Create, Action::Create));
    }
}
