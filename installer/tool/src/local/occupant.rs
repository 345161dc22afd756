//! A container that keeps a cluster from being created, because it has the name of one of the cluster's containers.

use std::fmt;

use super::mark::Mark;
use crate::docker::ListedContainer;

/// A container with a name that a cluster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameOccupant {
    pub container: String,
    /// The platform that it belongs to; `None` if devplat did not create it.
    pub platform: Option<String>,
}

impl NameOccupant {
    pub(super) fn of(listed: &ListedContainer) -> Self {
        Self { container: listed.name.clone(), platform: Mark::of_listed(listed).map(|mark| mark.platform) }
    }

    /// Returns the remedy, besides another name for the platform.
    pub fn hint(&self) -> String {
        let Self { container, platform } = self;
        match platform {
            // Without one of its containers, that platform would no longer work.
            Some(platform) => format!(
                "if platform {platform} is not needed, `devplat destroy --name {platform}` deletes it"
            ),
            None => format!(
                "rename or delete it: `docker rename {container} {container}-old`, or `docker rm --force {container}`"
            ),
        }
    }
}

impl fmt::Display for NameOccupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { container, platform } = self;
        match platform {
            Some(platform) => write!(f, "container {container} belongs to platform {platform}"),
            None => write!(f, "container {container} was not created by devplat"),
        }
    }
}
