//! The platforms that this account knows, or whose marks are in the Docker engine of this machine. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use devplat_profile::PlatformName;
use devplat_tool::{docker::Engine, local::Mark};
use jiff::Timestamp;

use super::engine::local_engine;
use crate::{
    failure::Failure,
    host::Host,
    state::{Decisions, KnownFolder, Location, StateFolder},
};

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlatform {
    /// Its name, which is that of a mark if this account does not know it.
    pub name: String,
    pub memory: Memory,
    /// When a run last took a step of an `up` or a `destroy`.
    pub since: Option<Timestamp>,
    /// Whether a container or a network of the engine has its mark.
    pub marked: bool,
}

/// The memory that this account has of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    Nothing,
    Decisions(Box<Decisions>),
    /// Its file cannot be read.
    Unreadable(Failure),
}

/// All platforms that were found, by name, and the failure to ask the Docker engine, if there was one.
pub struct KnownPlatforms {
    pub all: Vec<KnownPlatform>,
    pub unasked: Option<Failure>,
}

impl KnownPlatform {
    /// Returns the place of its cluster, for people.
    pub fn place(&self) -> String {
        match self.memory.remembered().map(|decisions| (&decisions.context, &decisions.place)) {
            Some((Some(context), _)) => format!("context {context}"),
            Some((None, Some(Location::Cluster { server, .. }))) => format!("API server {server}"),
            Some((None, Some(Location::Engine { endpoint, .. }))) if self.marked => {
                format!("Docker engine at {endpoint}")
            }
            Some((None, Some(Location::Engine { endpoint, .. }))) => {
                format!("Docker engine at {endpoint}, not seen in the present one")
            }
            Some((None, None)) | None if self.marked => "Docker engine of this machine".to_owned(),
            Some((None, None)) | None => "unknown".to_owned(),
        }
    }
}

impl Memory {
    fn remembered(&self) -> Option<&Decisions> {
        match self {
            Self::Decisions(decisions) => Some(decisions),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }
}

/// Returns all platforms of the state folder and of the Docker engine of this machine.
pub async fn platforms(host: &Host) -> Result<KnownPlatforms, Failure> {
    let base = host.state_base()?;
    let own = StateFolder::below(&base, &PlatformName::default());
    let mut remembered = BTreeMap::new();
    for KnownFolder { platform, decisions, changed } in own.known()? {
        let since = changed.and_then(|time| Timestamp::try_from(time).ok());
        let memory = match decisions {
            Ok(decisions) => Memory::Decisions(Box::new(decisions)),
            Err(error) => Memory::Unreadable(error.into()),
        };
        remembered.insert(platform.to_string(), (memory, since));
    }
    let (marks, unasked) = match Box::pin(async { marks(&local_engine(host).await?).await }).await {
        Ok(marks) => (Some(marks), None),
        Err(failure) => (None, Some(failure)),
    };
    Ok(KnownPlatforms { all: joined(remembered, marks.as_ref()), unasked })
}

/// The marks in a Docker engine.
struct Marks {
    /// The id of the engine.
    engine: String,
    /// The platforms that the marks name.
    platforms: BTreeSet<String>,
}

impl Marks {
    /// Returns whether the platform is marked in its own engine: one of the same name may be in another.
    fn have(&self, name: &str, remembered: Option<&Decisions>) -> bool {
        let engine = match remembered.and_then(|decisions| decisions.place.as_ref()) {
            Some(Location::Engine { id, .. }) => Some(id),
            Some(Location::Cluster { .. }) | None => None,
        };
        self.platforms.contains(name) && engine.is_none_or(|id| *id == self.engine)
    }
}

/// Reads the marks of containers and networks.
async fn marks(engine: &Engine) -> Result<Marks, Failure> {
    let (info, containers, networks) =
        tokio::try_join!(engine.info(), engine.all_containers(), engine.networks())?;
    let of_containers = containers.iter().filter_map(Mark::of_listed);
    let of_networks = networks.iter().filter_map(|network| Mark::of_labels(&network.labels));
    let platforms = of_containers.chain(of_networks).map(|mark| mark.platform).collect();
    Ok(Marks { engine: info.id, platforms })
}

fn joined(
    mut remembered: BTreeMap<String, (Memory, Option<Timestamp>)>,
    marks: Option<&Marks>,
) -> Vec<KnownPlatform> {
    let marked = marks.into_iter().flat_map(|marks| &marks.platforms);
    let names: BTreeSet<String> = remembered.keys().chain(marked).cloned().collect();
    let known = names.into_iter().map(|name| {
        let (memory, since) = remembered.remove(&name).unwrap_or((Memory::Nothing, None));
        let marked = marks.is_some_and(|marks| marks.have(&name, memory.remembered()));
        KnownPlatform { name, memory, since, marked }
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_and_marked_platforms_are_listed_once() {
        let endpoint = "unix:///d".to_owned();
        let place = Some(Location::Engine { id: "E1".to_owned(), endpoint });
        let here = Decisions { place, ..Decisions::default() };
        let there = Decisions { context: Some("prod".to_owned()), ..Decisions::default() };
        let place = Some(Location::Engine { id: "E0".to_owned(), endpoint: "unix:///e".to_owned() });
        let other = Decisions { place, ..Decisions::default() };
        let remembered = [("a", here.clone()), ("b", there), ("gone", here), ("moved", other)];
        let remembered = remembered
            .map(|(name, decisions)| (name.to_owned(), (Memory::Decisions(Box::new(decisions)), None)));
        let remembered = remembered.into_iter().collect();
        let platforms = ["a", "lost", "moved"].map(str::to_owned).into_iter().collect();
        let marks = Marks { engine: "E1".to_owned(), platforms };
        let all = joined(remembered, Some(&marks));
        let shown: Vec<(&str, String)> = all.iter().map(|one| (one.name.as_str(), one.place())).collect();
        let places = [
            ("a", "Docker engine at unix:///d"),
            ("b", "context prod"),
            ("gone", "Docker engine at unix:///d, not seen in the present one"),
            ("lost", "Docker engine of this machine"),
            ("moved", "Docker engine at unix:///e, not seen in the present one"),
        ];
        assert_eq!(shown, places.map(|(name, place)| (name, place.to_owned())));
        assert_eq!(all.iter().filter(|one| one.memory == Memory::Nothing).count(), 1);
    }
}
