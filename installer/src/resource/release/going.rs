//! The changes of a release's objects, also of users that it no longer wants: the operator deletes their dev servers.

use devplat_kubernetes::{
    ObjectRef,
    release::{self, Drift, GoingUser},
};
use devplat_plan::Change;
use devplat_render::ReleaseName;
use kube::Client;

use crate::{failure::Failure, platform::PlatformInputs, platform_context::PlatformContext};

/// Returns the changes of the objects.
pub(super) fn changes(
    missing: &[ObjectRef],
    drifted: &[Drift],
    surplus: &[ObjectRef],
    going: &[GoingUser],
) -> Vec<Change> {
    let missing = missing.iter().map(|object| Change::in_place(format!("{object} is missing")));
    let drifted = drifted
        .iter()
        .map(|drift| Change::in_place(format!("{} differs in {}", drift.object, drift.fields.join(", "))));
    missing.chain(drifted).chain(surplus.iter().map(|object| surplus_change(object, going))).collect()
}

/// Returns the known changes of a release that cannot be rendered yet.
pub(super) fn before_rendering(going: &[GoingUser]) -> Vec<Change> {
    let created = Change::in_place("its images or keys are created first");
    [created].into_iter().chain(going.iter().map(change)).collect()
}

/// Returns the change that deletes an object.
fn surplus_change(object: &ObjectRef, going: &[GoingUser]) -> Change {
    let user = going.iter().find(|one| object.kind == "DevUser" && object.name == one.user);
    user.map_or_else(|| Change::in_place(format!("{object} is no longer wanted")), change)
}

/// Returns the change that deletes a user with dev servers.
fn change(going: &GoingUser) -> Change {
    let why = format!("DevUser {} is no longer wanted, and is deleted with {going}", going.user);
    Change::in_place(why).losing(going.to_string())
}

/// Finds the users that the profile no longer names and that have dev servers, for a release that cannot be rendered yet.
pub(super) async fn of(
    name: ReleaseName,
    inputs: &PlatformInputs,
    client: &Client,
    context: &PlatformContext,
) -> Result<Vec<GoingUser>, Failure> {
    match name {
        ReleaseName::Users => {}
        ReleaseName::Crds | ReleaseName::Flavors | ReleaseName::Operator | ReleaseName::Bastion => {
            return Ok(Vec::new());
        }
    }
    let is_wanted = |user: &str| inputs.profile.users.keys().any(|wanted| wanted.as_str() == user);
    Ok(release::going(client, context.platform.as_str(), name.as_str(), is_wanted, context).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_with_dev_servers_goes_only_if_their_loss_is_allowed() {
        let user = |name: &str| ObjectRef {
            api_version: "apps.devservers.io/v1".to_owned(),
            kind: "DevUser".to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let servers = vec!["mydev".to_owned()];
        let going = GoingUser { user: "demo".to_owned(), servers, with_home: Vec::new() };
        let change = |name: &str| surplus_change(&user(name), std::slice::from_ref(&going));
        let lost = change("demo");
        assert_eq!(
            lost.to_string(),
            "DevUser demo is no longer wanted, and is deleted with dev server mydev of user demo"
        );
        assert_eq!(lost.loses.map(|loss| loss.0).as_deref(), Some("dev server mydev of user demo"));
        assert_eq!(change("other").loses, None);
        let unrendered = before_rendering(&[going]);
        assert!(unrendered.iter().any(|change| change.loses.is_some()), "{unrendered:?}");
    }
}
