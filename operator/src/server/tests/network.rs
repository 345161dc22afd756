//! Who reaches servers in namespaces of nobody.

use std::sync::Arc;

use devplat_api::DevServerSpec;

use super::world::{actions, new_server, settle};
use crate::{
    child::Child,
    observed::{Owner, PolicyFacts},
    server::snapshot::{Network, Snapshot},
};

fn elsewhere() -> Snapshot {
    let snapshot = new_server(DevServerSpec::default());
    let network = Network { policy: Child::Absent, servers: vec![snapshot.server.clone()] };
    Snapshot { network: Some(network), ..snapshot }
}

fn owner(uid: &str) -> Owner {
    Owner { name: "other".into(), uid: uid.into() }
}

fn with(change: impl FnOnce(&mut PolicyFacts)) -> Snapshot {
    let mut snapshot = elsewhere();
    settle(&mut snapshot);
    let network = snapshot.network.as_mut().unwrap();
    let mut facts = network.policy.ours().unwrap().clone();
    change(&mut facts);
    network.policy = Child::Ours(Arc::new(facts));
    snapshot
}

#[test]
fn namespace_of_no_user_is_closed_before_a_server_runs_in_it() {
    let actions = actions(&elsewhere());
    let at = |what: &str| actions.iter().position(|action| action == what);
    assert!(at("apply NetworkPolicy").unwrap() < at("make Deployment").unwrap(), "{actions:?}");
    assert_eq!(super::world::actions(&with(|_| {})), [""; 0]);
}

#[test]
fn policy_that_was_opened_or_belongs_to_nobody_who_is_there_is_put_right() {
    assert_eq!(actions(&with(|facts| facts.right = false)), ["apply NetworkPolicy"]);
    assert_eq!(
        actions(&with(|facts| facts.servers = vec![owner("of-one-that-is-gone")])),
        ["apply NetworkPolicy"]
    );
}

#[test]
fn policy_of_a_neighbour_does_for_all() {
    let mut snapshot = with(|facts| facts.servers = vec![owner("uid-2")]);
    let mut other = (*snapshot.server).clone();
    other.uid = "uid-2".into();
    snapshot.network.as_mut().unwrap().servers.push(Arc::new(other));
    assert_eq!(actions(&snapshot), [""; 0]);
}

#[test]
fn policy_of_somebody_else_is_left_alone() {
    let mut snapshot = elsewhere();
    snapshot.network.as_mut().unwrap().policy = Child::Foreign;
    assert!(!actions(&snapshot).iter().any(|action| action.ends_with("NetworkPolicy")));
}
