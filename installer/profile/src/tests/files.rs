//! The profile file, as users write and keep it, and the name of a profile.

use super::{file, loaded, mistakes, shipped};
use crate::{Place, load};

#[test]
fn comments_and_empty_documents_are_ignored() {
    let sources = file("# mine\n---\n---\nextends: kind\noperator: {replicas: 1}\n");
    assert_eq!(loaded(&sources).profile.operator.replicas, 1);
}

#[test]
fn several_documents_are_rejected_with_both_lines() {
    assert_eq!(
        mistakes(&file("extends: kind\n---\noperator: {replicas: 1}\n")),
        "one mistake in the profile: my.yaml:3:1: 2 YAML documents, at lines 1 and 3; a profile is one document"
    );
}

#[test]
fn byte_order_mark_and_carriage_returns_are_read() {
    let sources = file("\u{feff}extends: kind\r\noperator: {replicas: 1}\r\n");
    assert_eq!(loaded(&sources).profile.operator.replicas, 1);
}

#[test]
fn file_without_a_cluster_is_a_mistake_with_a_hint_to_extends() {
    for text in ["", "# nothing\n", "---\n", "operator: {replicas: 1}\n"] {
        assert_eq!(
            mistakes(&file(text)),
            "one mistake in the profile: my.yaml:1:1: the profile names no cluster; start from a shipped profile: \
             `extends: eks`, `extends: existing`, `extends: k3d`, `extends: kind`",
            "{text:?}"
        );
    }
    assert_eq!(
        mistakes(&shipped("base")),
        "one mistake in the profile: --profile base: the profile names no cluster; start from a shipped profile: \
         `extends: eks`, `extends: existing`, `extends: k3d`, `extends: kind`"
    );
}

#[test]
fn file_that_is_not_a_map_is_the_only_mistake() {
    for text in ["kind\n", "- extends: kind\n"] {
        assert_eq!(
            mistakes(&file(text)),
            "one mistake in the profile: my.yaml:1:1: a profile is a map of keys; begin with one such as `extends: eks`, \
             `extends: existing`, `extends: k3d`, `extends: kind`",
            "{text:?}"
        );
    }
}

#[test]
fn complete_file_needs_no_extends() {
    let sources = file("cluster: {provider: kind}\n");
    assert_eq!(loaded(&sources).base, "base");
}

#[test]
fn text_that_is_not_yaml_is_reported_with_its_line() {
    insta::assert_snapshot!(mistakes(&file("extends: kind\ncluster: [\n")));
    insta::assert_snapshot!(mistakes(&file("extends: kind\noperator:\n\treplicas: 1\n")));
}

#[test]
fn key_written_twice_is_reported() {
    insta::assert_snapshot!(mistakes(&file("extends: kind\noperator: {replicas: 1, replicas: 2}\n")));
}

#[test]
fn aliases_and_numbers_with_leading_zeros_are_rejected() {
    insta::assert_snapshot!(mistakes(&file(
        "extends: kind\noperator: &a {replicas: 0x1}\nbastion:\n  <<: *a\n  nodePort: 030022\n"
    )));
}

#[test]
fn file_cannot_extend_another_file() {
    insta::assert_snapshot!(mistakes(&file("extends: ./ok.yaml\n")));
    insta::assert_snapshot!(mistakes(&file("extends: knd\noperator: {replicas: 9}\n")));
    insta::assert_snapshot!(mistakes(&file("extends: [kind]\n")));
}

#[test]
fn unknown_profile_is_rejected_with_the_shipped_ones() {
    insta::assert_snapshot!(mistakes(&shipped("knd")));
}

#[test]
fn unknown_profile_named_like_a_file_is_rejected_with_its_path() {
    let mut sources = shipped("mine");
    sources.same_named_file = true;
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn file_with_the_name_of_a_shipped_profile_is_remarked() {
    let mut sources = shipped("kind");
    assert_eq!(loaded(&sources).remarks, Vec::<String>::new());
    sources.same_named_file = true;
    assert_eq!(
        loaded(&sources).remarks,
        ["--profile kind is the shipped profile; the file of that name here is --profile ./kind"]
    );
}

#[test]
fn no_mistake_is_placed_in_a_shipped_profile() {
    let mut without_kind = shipped("kind");
    without_kind.sets = vec!["cluster=null".to_owned(), "flavors.cpu-small.resources=null".to_owned()];
    for sources in [
        file("flavors: {cpu-small: {resources: {limits: {cpu: 1m}}}}\n"),
        file("extends: existing\nimages: {delivery: registry}\nusers: {demo: {}}\n"),
        file("extends: kind\nflavors: {cpu-small: null, cpu-medium: null, cpu-large: null}\n"),
        file("extends: kind\nusers: {demo: {generateKey: false}}\n"),
        file("extends: kind\ndevServers: {image: ''}\noperator: null\n"),
        shipped("base"),
        shipped("none"),
        without_kind,
    ] {
        for mistake in load(&sources).unwrap_err().0 {
            assert!(!matches!(mistake.place, Place::Shipped { .. }), "{mistake}");
        }
    }
}

#[test]
fn lower_limit_is_the_mistake_and_not_the_shipped_request_above_it() {
    let sources = file("extends: kind\nflavors: {cpu-small: {resources: {limits: {cpu: 1m}}}}\n");
    assert_eq!(
        mistakes(&sources),
        "one mistake in the profile: my.yaml:2:49: request of cpu (100m) is above its limit (1m)"
    );
}

#[test]
fn removed_default_flavor_is_reported_where_it_was_removed() {
    let sources = file("extends: kind\nflavors:\n  cpu-small: null\n");
    assert_eq!(
        mistakes(&sources),
        "one mistake in the profile: my.yaml:3:14: there is no flavor \"cpu-small\"; there are cpu-large, cpu-medium"
    );
}
