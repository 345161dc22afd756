//! Whether the bastion has what it should have. Pure.

use devplat_api::name;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use serde_json::Value;

use super::{
    Authority,
    manifest::{authorities, bastion_keys},
};

/// What was found in the bastion's namespace.
pub(super) struct Found {
    pub(super) keys: Option<Secret>,
    pub(super) authorities: Option<ConfigMap>,
}

/// What has to be written there. No `Debug`: it is secret.
pub(super) struct Wanting {
    /// The Secret, if it is not as it should be.
    pub(super) keys: Option<Value>,
    /// The ConfigMap, if it is not as it should be.
    pub(super) authorities: Option<Value>,
}

pub(super) fn wanting(
    authority: &Authority,
    names: &[String],
    seed_uid: Option<&str>,
    found: &Found,
) -> Wanting {
    let Found { keys, authorities: public } = found;
    let there = keys.as_ref().and_then(|secret| secret.data.as_ref());
    let wanted = authority.bastion_keys(names);
    let same = there.is_some_and(|there| wanted.iter().all(|(key, value)| there.get(*key) == Some(value)));
    let keys = (!same).then(|| bastion_keys(authority, names));

    let there = public.as_ref().and_then(|map| map.data.as_ref());
    let wanted = authority.public();
    let same = there.is_some_and(|there| wanted.iter().all(|(key, value)| there.get(*key) == Some(value)))
        && public.as_ref().and_then(|map| map.annotations().get(name::SEED_UID)).map(String::as_str)
            == seed_uid;
    Wanting { keys, authorities: (!same).then(|| authorities(authority, seed_uid)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    fn nothing() -> Found {
        Found { keys: None, authorities: None }
    }

    fn published(names: &[String]) -> Found {
        let Wanting { keys, authorities } = wanting(&Authority::of_tests(), names, Some("a"), &nothing());
        Found {
            keys: serde_json::from_value(keys.unwrap()).unwrap(),
            authorities: serde_json::from_value(authorities.unwrap()).unwrap(),
        }
    }

    fn missing(names: &[String], found: &Found) -> (bool, bool) {
        let Wanting { keys, authorities } = wanting(&Authority::of_tests(), names, Some("a"), found);
        (keys.is_some(), authorities.is_some())
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_there_left_alone() {
        assert_eq!(missing(&named("a"), &nothing()), (true, true));
        assert_eq!(missing(&named("a"), &published(&named("a"))), (false, false));
    }

    #[test]
    fn keys_from_another_secret_of_the_seed_are_published_again() {
        let names = named("a");
        let wanted = wanting(&Authority::of_tests(), &names, Some("b"), &published(&names));
        assert!(wanted.keys.is_none() && wanted.authorities.is_some());
    }

    #[test]
    fn another_name_of_the_bastion_is_signed() {
        assert_eq!(missing(&named("b"), &published(&named("a"))), (true, false));
    }

    #[test]
    fn a_key_taken_out_or_changed_by_hand_is_put_back() {
        for key in ["host_key", "host_key-cert.pub", "session_authority", "session_authority.pub"] {
            let mut found = published(&named("a"));
            found.keys.as_mut().unwrap().data.as_mut().unwrap().remove(key);
            assert_eq!(missing(&named("a"), &found), (true, false), "{key}");
        }
        let mut found = published(&named("a"));
        let public = found.authorities.as_mut().unwrap().data.as_mut().unwrap();
        public.insert("host_authority.pub".into(), "another".into());
        assert_eq!(missing(&named("a"), &found), (false, true));
    }
}
