//! What the bastion gets, as it gets applied.

use devplat_api::name;
use serde_json::{Value, json};

use super::{Authority, metadata::metadata};

/// Names that the bastion always has: by a port forward or a port of a local node, and inside the cluster.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The names that the bastion's certificate is for: those it is known by outside, and those it always has.
pub(super) fn names(outside: &[String]) -> Vec<String> {
    let (name, namespace) = (name::BASTION, name::BASTION_NAMESPACE);
    let inside = [format!("{name}.{namespace}"), format!("{name}.{namespace}.svc")];
    let mut names = Vec::new();
    for one in outside.iter().map(|one| one.trim()).chain(ALWAYS).chain(inside.iter().map(String::as_str)) {
        if !one.is_empty() && !names.iter().any(|known| known == one) {
            names.push(one.to_owned());
        }
    }
    names
}

/// The bastion's Secret.
pub(super) fn bastion_keys(authority: &Authority, names: &[String]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(name::BASTION_KEYS_SECRET, name::BASTION_NAMESPACE),
        "data": authority.bastion_keys(names),
    })
}

/// What everybody may know, for whoever writes a `known_hosts`. It names the Secret of the seed that it is made from.
pub(super) fn authorities(authority: &Authority, seed_uid: Option<&str>) -> Value {
    let mut metadata = metadata(name::AUTHORITIES_CONFIG_MAP, name::BASTION_NAMESPACE);
    if let Some(uid) = seed_uid {
        metadata["annotations"] = json!({(name::SEED_UID): uid});
    }
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": authority.public()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bastion_has_each_name_once_and_those_from_outside_first() {
        let outside = ["bastion.example.com", " localhost ", "", "bastion.example.com"].map(str::to_owned);
        assert_eq!(
            names(&outside),
            [
                "bastion.example.com",
                "localhost",
                "127.0.0.1",
                "::1",
                "bastion.devserver-bastion",
                "bastion.devserver-bastion.svc"
            ]
        );
    }

    #[test]
    fn what_everybody_may_know_is_what_was_reviewed() {
        insta::assert_yaml_snapshot!(authorities(&Authority::of_tests(), Some("uid-of-the-seed")));
    }
}
