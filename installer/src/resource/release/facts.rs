//! The facts of a release in the cluster. Pure.

use devplat_kubernetes::release::{self, GoingUser, ReleaseState};
use devplat_plan::{Foreigner, Owner};
use devplat_profile::PlatformName;
use devplat_render::ReleaseName;

use super::namesakes;

/// The known facts of a release in the cluster.
#[derive(Debug, Clone)]
pub(crate) enum Fields {
    /// Compared with the wanted objects.
    Compared(Box<ReleaseState>),
    /// Found, but not compared, because images or keys of the wanted objects do not exist yet. Has the users that the
    /// profile no longer names and that have dev servers.
    NotRendered(Vec<GoingUser>),
    /// Found, but its objects are of kinds whose CRDs are being deleted.
    LeavesWithCrds,
    /// Found in a run without wanted releases, and not compared.
    Leftover,
}

impl Fields {
    pub(super) fn state(&self) -> Option<&ReleaseState> {
        match self {
            Self::Compared(state) => Some(state),
            Self::NotRendered(_) | Self::LeavesWithCrds | Self::Leftover => None,
        }
    }

    /// Returns the facts of release `name` while CRDs are being deleted: an object that is still as wanted will not stay.
    pub(super) fn without_crds(self, name: ReleaseName) -> Self {
        match (name, self) {
            (ReleaseName::Flavors | ReleaseName::Users, Self::Compared(state)) => match *state {
                ReleaseState::Foreign { .. } | ReleaseState::Absent => Self::Compared(state),
                ReleaseState::Leaving(_) | ReleaseState::Present { .. } => Self::LeavesWithCrds,
            },
            (_, fields) => fields,
        }
    }

    /// Returns the owner of the objects.
    pub(super) fn owner(&self) -> Owner {
        match self.state() {
            Some(ReleaseState::Foreign { objects: _, platform: Some(platform) }) => of_platform(platform),
            // They are of this platform, and stand only against the step for the release.
            Some(state) if namesakes::namesakes(state).is_some() => Owner::Ours,
            Some(ReleaseState::Foreign { objects, platform: None }) => {
                let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
                Owner::stranger(format!("its name is taken by {}", names.join(", ")))
            }
            Some(ReleaseState::Absent | ReleaseState::Leaving(_) | ReleaseState::Present { .. }) | None => {
                Owner::Ours
            }
        }
    }

    /// Returns the faults of the objects.
    pub(super) fn faults(&self) -> Vec<String> {
        match self.state() {
            Some(ReleaseState::Present { leaving, not_ready, .. }) => {
                leaving.iter().chain(not_ready).map(ToString::to_string).collect()
            }
            // The step for it waits until they are gone, and creates them again.
            Some(ReleaseState::Leaving(leaving)) => leaving.iter().map(ToString::to_string).collect(),
            Some(state @ ReleaseState::Foreign { .. }) => {
                namesakes::namesakes(state).map(|names| namesakes::said(&names)).into_iter().collect()
            }
            Some(ReleaseState::Absent) | None => Vec::new(),
        }
    }
}

/// Names the other platform of the cluster in all releases that it stands against: some of them meet only the namespace of its
/// inventories, which does not name it.
pub(super) fn name_other_platform(looked: &mut [Option<Fields>]) {
    let mut platforms = looked.iter().flatten().filter_map(|fields| match fields.state() {
        Some(ReleaseState::Foreign { objects: _, platform }) => platform.clone(),
        Some(ReleaseState::Absent | ReleaseState::Leaving(_) | ReleaseState::Present { .. }) | None => None,
    });
    let Some(other) = platforms.next() else { return };
    for fields in looked.iter_mut().flatten() {
        if let Fields::Compared(state) = fields
            && let ReleaseState::Foreign { objects, platform: platform @ None } = &mut **state
            && objects.iter().all(|object| object.kind == "Namespace" && object.name == release::NAMESPACE)
        {
            *platform = Some(other.clone());
        }
    }
}

/// Returns the owner of objects with the label of another platform. The label can be any text, and only a valid name can be
/// given to `--name`.
fn of_platform(label: &str) -> Owner {
    match label.parse::<PlatformName>() {
        Ok(name) => Owner::Foreign(Foreigner::Platform(name.to_string())),
        Err(_) => Owner::stranger(format!(
            "its objects have the label of a platform {label:?}, whose name is not valid"
        )),
    }
}

#[cfg(test)]
mod tests {
    use devplat_kubernetes::ObjectRef;

    use super::*;

    #[test]
    fn other_platform_is_named_in_every_release_that_meets_it() {
        let foreign = |objects: Vec<ObjectRef>, platform: Option<&str>| {
            let platform = platform.map(str::to_owned);
            Some(Fields::Compared(Box::new(ReleaseState::Foreign { objects, platform })))
        };
        let space = |name: &str| ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        let (namespace, other) = (|| space(release::NAMESPACE), || space("shop"));
        let mut looked = [
            foreign(vec![namespace()], Some("team-a")),
            None,
            foreign(vec![namespace()], None),
            foreign(vec![other(), namespace()], None),
        ];
        name_other_platform(&mut looked);
        let owners: Vec<Owner> = looked.iter().flatten().map(Fields::owner).collect();
        let of_team = Owner::Foreign(Foreigner::Platform("team-a".to_owned()));
        assert_eq!(owners[..2], [of_team.clone(), of_team]);
        assert!(matches!(&owners[2], Owner::Foreign(Foreigner::Stranger(_))), "{owners:?}");
    }
}
