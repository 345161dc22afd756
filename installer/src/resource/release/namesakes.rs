//! Users of the profile whose names other users of the cluster have, found before the first step. Those of `devplat users add`
//! are not among them: the release takes them over.

use devplat_kubernetes::{
    ObjectRef,
    release::{self, ReleaseState},
};
use devplat_plan::{Blocked, Plan};
use devplat_render::ReleaseName;

use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    resource::names::release_id,
};

use super::standing::applies_to_the_found_cluster;

/// Returns that users of the profile were created by another program in the cluster that the plan keeps. The keys of the profile's users
/// may not exist yet.
pub(super) async fn taken(
    plan: &Plan,
    inputs: &PlatformInputs,
    context: &PlatformContext,
) -> Result<Option<Blocked>, Failure> {
    let id = release_id(ReleaseName::Users);
    if !applies_to_the_found_cluster(&id, plan) || context.cluster().is_none() {
        return Ok(None);
    }
    let releases = inputs.future_releases(&inputs.future_references()?)?;
    let Some(users) = releases.into_iter().find(|release| release.name == ReleaseName::Users.as_str()) else {
        return Ok(None);
    };
    let state = release::observe(&context.client().await?, &users, context).await?;
    Ok(namesakes(&state).map(|names| Blocked::Prevented {
        id,
        why: said(&names),
        remedies: names.iter().map(|name| remedy(name, context)).collect(),
    }))
}

/// Returns the users of the profile that another program created; `None` if there are none, or if other objects are in the
/// way as well.
pub(super) fn namesakes(state: &ReleaseState) -> Option<Vec<String>> {
    match state {
        ReleaseState::Foreign { objects, platform: None } => names(objects),
        ReleaseState::Foreign { objects: _, platform: Some(_) }
        | ReleaseState::Absent
        | ReleaseState::Leaving(_)
        | ReleaseState::Present { .. } => None,
    }
}

fn names(objects: &[ObjectRef]) -> Option<Vec<String>> {
    let user = |object: &ObjectRef| (object.kind == "DevUser").then(|| object.name.clone());
    let names: Option<Vec<String>> = objects.iter().map(user).collect();
    names.filter(|names| !names.is_empty())
}

/// Returns the failure of an apply that met such users, if it met nothing else.
pub(super) fn failure(objects: &[ObjectRef], context: &PlatformContext) -> Option<Failure> {
    let names = names(objects)?;
    let failure = Failure::new(Exit::Usage, said(&names));
    Some(failure.with_hints(names.iter().map(|name| remedy(name, context))))
}

/// Returns the fault of such users.
pub(super) fn said(names: &[String]) -> String {
    match names {
        [name] => format!("user {name} exists, and was not created by devplat"),
        all => format!("users {} exist, and were not created by devplat", all.join(", ")),
    }
}

fn remedy(name: &str, context: &PlatformContext) -> String {
    let remove = context.command("users remove");
    format!(
        "remove that user, whose homes stay: `{remove} {name}`; or leave user {name} out of the profile"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_users_are_namesakes() {
        let object = |kind: &str, name: &str| ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let foreign = |objects: &[ObjectRef], platform: Option<&str>| {
            let platform = platform.map(str::to_owned);
            namesakes(&ReleaseState::Foreign { objects: objects.to_vec(), platform })
        };
        let (user, namespace) = (object("DevUser", "demo"), object("Namespace", "devplat-system"));
        assert_eq!(foreign(std::slice::from_ref(&user), None), Some(vec!["demo".to_owned()]));
        assert_eq!(foreign(&[user.clone(), namespace], None), None);
        assert_eq!(foreign(&[user], Some("team-a")), None);
        assert_eq!(namesakes(&ReleaseState::Absent), None);
    }
}
