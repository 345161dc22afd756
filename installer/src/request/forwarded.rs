//! The port of `devplat port-forward` for a platform. Every platform of an account has its own, so that their ssh
//! configurations can be used side by side.

use devplat_profile::PlatformName;

use super::Located;
use crate::{
    failure::Failure,
    state::{Decisions, StateFolder},
};

/// The port of the platform with the default name.
const DEFAULT: u16 = 2222;
/// The ports of the other platforms.
const FIRST: u16 = 22_000;
const COUNT: u16 = 1000;

impl Located<'_> {
    /// Returns the port of `devplat port-forward` for this platform.
    pub fn forwarded_port(&self) -> Result<u16, Failure> {
        port(&self.context.state, &self.decisions)
    }
}

/// Returns the remembered port of the platform, else the one that its name gives; the next free one if another platform of
/// this account has it.
pub(super) fn port(state: &StateFolder, before: &Decisions) -> Result<u16, Failure> {
    let (name, others) = (state.platform(), state.others()?);
    // An older devplat has remembered no port.
    let of = |name: &PlatformName, decisions: Option<&Decisions>| {
        decisions.and_then(|decisions| decisions.forwarded_port).unwrap_or_else(|| by_name(name))
    };
    let taken: Vec<u16> =
        others.iter().map(|known| of(&known.platform, known.decisions.as_ref().ok())).collect();
    let wanted = of(&name, Some(before));
    let start = wanted.saturating_sub(FIRST);
    let next = (1..=COUNT).map(|step| FIRST + (start + step) % COUNT);
    Ok(std::iter::once(wanted).chain(next).find(|port| !taken.contains(port)).unwrap_or(wanted))
}

/// Returns the port that the name of a platform gives. Two names can give the same one.
fn by_name(platform: &PlatformName) -> u16 {
    if *platform == PlatformName::default() {
        return DEFAULT;
    }
    // FNV-1a, because it is short and the same in every version of devplat.
    let hash = platform
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIRST + u16::try_from(hash % u32::from(COUNT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn folder(base: &Path, name: &str) -> StateFolder {
        StateFolder::below(base, &name.parse().unwrap())
    }

    fn remember(base: &Path, name: &str, forwarded_port: Option<u16>) {
        let profile = Some("kind".to_owned());
        folder(base, name).remember(&Decisions { profile, forwarded_port, ..Decisions::default() }).unwrap();
    }

    #[test]
    fn platforms_have_forwarded_ports_of_their_own() {
        let port = |name: &str| by_name(&name.parse().unwrap());
        assert_eq!(port("devplat"), 2222);
        // Written configurations name these ports, so they never change.
        assert_eq!((port("team-a"), port("team-b")), (22246, 22627));
    }

    #[test]
    fn platform_whose_port_is_another_ones_gets_the_next_free_one() {
        let base = tempfile::tempdir().unwrap();
        let port = |name: &str, before: Option<u16>| {
            let before = Decisions { forwarded_port: before, ..Decisions::default() };
            port(&folder(base.path(), name), &before).unwrap()
        };
        // Two names with the same port.
        assert_eq!((port("local", None), port("work", None)), (22984, 22984));
        remember(base.path(), "local", None);
        assert_eq!((port("local", None), port("work", None)), (22984, 22985));
        remember(base.path(), "other", Some(22985));
        assert_eq!(port("work", None), 22986);
        assert_eq!(port("work", Some(22990)), 22990, "a remembered port stays");
        assert_eq!(port("devplat", None), 2222);
        remember(base.path(), "last", Some(22999));
        assert_eq!(port("work", Some(22999)), 22000);
    }

    #[test]
    fn damaged_decisions_of_another_platform_count_by_its_name() {
        let base = tempfile::tempdir().unwrap();
        let local = folder(base.path(), "local");
        local.make().unwrap();
        assert_eq!(port(&folder(base.path(), "work"), &Decisions::default()).unwrap(), 22984);
        std::fs::write(local.path().join("decisions.json"), "{").unwrap();
        assert_eq!(port(&folder(base.path(), "work"), &Decisions::default()).unwrap(), 22985);
    }
}
