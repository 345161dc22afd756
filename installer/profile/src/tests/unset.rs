//! Values that an earlier `up` remembered: their remark, and `--unset`.

use super::{loaded, mistakes, shipped, variables};
use crate::Sources;

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&text| text.to_owned()).collect()
}

/// A platform that remembers three values.
fn remembering(unsets: &[&str]) -> Sources {
    Sources {
        remembered_sets: texts(&["operator.replicas=3", "users.bob.generateKey=true"]),
        remembered_variables: variables(&[("DEVPLAT_BASTION_REPLICAS", "3")]),
        unsets: texts(unsets),
        ..shipped("kind")
    }
}

#[test]
fn remembered_sets_are_listed_with_the_way_to_forget_one() {
    let loaded = loaded(&remembering(&[]));
    let listed = "using --set operator.replicas=3, --set users.bob.generateKey=true of an earlier `up`; --unset KEY \
                  forgets one";
    assert_eq!(loaded.remarks[1..], [listed]);
}

#[test]
fn unset_value_is_that_of_the_profile_again() {
    let usual = loaded(&shipped("kind")).profile;
    for (unset, sets, names) in [
        ("operator.replicas", &["users.bob.generateKey=true"][..], 1),
        ("operator", &["users.bob.generateKey=true"], 1),
        ("users.bob", &["operator.replicas=3"], 1),
        ("bastion.replicas", &["operator.replicas=3", "users.bob.generateKey=true"], 0),
        ("DEVPLAT_BASTION_REPLICAS", &["operator.replicas=3", "users.bob.generateKey=true"], 0),
    ] {
        let loaded = loaded(&remembering(&[unset]));
        assert_eq!((loaded.sets, loaded.variables.len()), (texts(sets), names), "{unset}");
        assert!(loaded.remarks.iter().all(|remark| !remark.contains("no value is remembered")), "{unset}");
    }
    let all = loaded(&remembering(&["operator", "users.bob", "bastion"]));
    assert_eq!((all.profile, all.remarks), (usual, Vec::new()));
}

/// As after an update of devplat that knows fewer values.
#[test]
fn wrong_remembered_value_can_be_unset() {
    let mut sources = Sources {
        remembered_sets: texts(&["operator.replica=3"]),
        remembered_variables: variables(&[("DEVPLAT_OPERATOR_REPLICA", "3")]),
        ..shipped("kind")
    };
    assert!(mistakes(&sources).starts_with("2 mistakes"));
    sources.unsets = texts(&["operator.replica", "DEVPLAT_OPERATOR_REPLICA"]);
    assert_eq!(loaded(&sources).remarks, [""; 0]);
}

/// The same command line continues an interrupted `up`, which has forgotten the value by then.
#[test]
fn unset_of_an_absent_value_is_a_remark() {
    let sources = Sources { unsets: texts(&["operator.replicas"]), ..shipped("kind") };
    assert_eq!(loaded(&sources).remarks, ["--unset operator.replicas: no value is remembered there"]);
    // A value above the path cannot be forgotten in part. Unrelated ones are not named.
    let sets = texts(&["operator={replicas: 3}", "bastion.replicas=3"]);
    let sources = Sources { remembered_sets: sets, ..sources };
    let remark =
        "--unset operator.replicas: no value is remembered there; in force: --set operator={replicas: 3}";
    assert_eq!(loaded(&sources).remarks[1], remark);
}

#[test]
fn value_of_this_run_at_the_unset_path_is_named() {
    for unset in ["operator", "DEVPLAT_OPERATOR_REPLICAS"] {
        let sources = Sources {
            unsets: texts(&[unset]),
            variables: variables(&[("DEVPLAT_OPERATOR_REPLICAS", "3"), ("DEVPLAT_BASTION_REPLICAS", "3")]),
            ..shipped("kind")
        };
        let left =
            format!("--unset {unset}: no value is remembered there; in force: $DEVPLAT_OPERATOR_REPLICAS");
        assert_eq!(loaded(&sources).remarks, [left]);
    }
}

#[test]
fn unset_that_is_not_a_path_is_a_mistake() {
    for (unset, why) in [("operator..replicas", "a key is empty"), ("a=1", "expected a path without a value")]
    {
        let sources = Sources { unsets: texts(&[unset]), ..shipped("kind") };
        let mistakes = mistakes(&sources);
        assert!(mistakes.contains(&format!("--unset {unset}: {why}")), "{mistakes}");
    }
}
