//! EC2's network: one kind of thing per file. A new kind is a file and a line in [`KINDS`].

mod address;
mod describe;
mod endpoint;
mod endpoint_gateway;
mod endpoint_interface;
mod filter;
mod input;
mod interface;
mod internet_gateway;
mod kind;
mod nat_gateway;
mod network_acl;
mod offer;
mod range;
mod route;
mod route_table;
mod rule;
mod security_group;
mod subnet;
mod tag;
mod tag_list;
mod traffic;
mod vpc;

pub(crate) use input::Input;
pub(crate) use interface::add as add_interface;
pub(crate) use kind::{Call, Cx, Kind, View};

/// Every kind of thing.
pub(crate) const KINDS: &[&Kind] = &[
    &vpc::VPC,
    &subnet::SUBNET,
    &route_table::ROUTE_TABLE,
    &internet_gateway::INTERNET_GATEWAY,
    &nat_gateway::NAT_GATEWAY,
    &address::ADDRESS,
    &security_group::SECURITY_GROUP,
    &rule::RULE,
    &endpoint::ENDPOINT,
    &interface::INTERFACE,
    &network_acl::NETWORK_ACL,
];

/// The calls that belong to no kind.
const OTHER_CALLS: &[&[Call]] = &[tag::CALLS, offer::CALLS];

/// Returns the call of this name.
pub(crate) fn call(name: &str) -> Option<&'static Call> {
    let of_kinds = KINDS.iter().map(|kind| kind.calls);
    of_kinds.chain(OTHER_CALLS.iter().copied()).flatten().find(|call| call.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Shape, ec2};

    fn calls() -> Vec<&'static Call> {
        KINDS.iter().map(|kind| kind.calls).chain(OTHER_CALLS.iter().copied()).flatten().collect()
    }

    #[test]
    fn model_and_fake_have_the_same_calls() {
        let here: BTreeSet<&str> = calls().into_iter().map(|call| call.name).collect();
        assert_eq!(here.len(), calls().len(), "a call is there twice");
        assert_eq!(here, ec2().operations.keys().map(String::as_str).collect());
    }

    #[test]
    fn members_that_calls_read_are_in_the_model() {
        for Call { name, reads, act: _ } in calls() {
            let Shape::Structure { members, required } = ec2().shape(&ec2().operations[*name].input) else {
                panic!("{name}")
            };
            for member in *reads {
                assert!(members.contains_key(*member), "{name} has no member {member}");
            }
            for member in required {
                assert!(reads.contains(&member.as_str()), "{name} does not read {member}");
            }
        }
    }

    #[test]
    fn filters_of_kinds_are_those_of_aws() {
        for kind in KINDS {
            let Some(call) = kind.calls.iter().find(|call| call.name.starts_with("Describe")) else {
                continue;
            };
            let known = &ec2().operations[call.name].filters;
            for (name, _) in kind.filters {
                assert!(known.iter().any(|known| known == name), "{} has no filter {name}", call.name);
            }
        }
    }

    #[test]
    fn prefixes_of_ids_differ() {
        let prefixes: BTreeSet<&str> = KINDS.iter().map(|kind| kind.prefix).collect();
        assert_eq!(prefixes.len(), KINDS.len());
    }
}
