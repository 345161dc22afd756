//! Compares the lists of kinds in the code with the rendered templates.

use std::collections::BTreeSet;

use devplat_kubernetes::{ObjectRef, context, release::KINDS};

use super::{PLATFORM, releases};

fn rendered() -> BTreeSet<(String, String)> {
    let releases = releases::rendered(PLATFORM);
    let objects = releases.iter().flat_map(|release| release.objects.iter().map(ObjectRef::of));
    objects.map(|object| (object.api_version, object.kind)).collect()
}

#[test]
fn every_rendered_kind_is_found_by_its_label() {
    let listed: BTreeSet<(String, String)> =
        KINDS.iter().map(|(version, kind)| ((*version).to_owned(), (*kind).to_owned())).collect();
    assert_eq!(listed.len(), KINDS.len(), "a kind is listed twice");
    let rendered = rendered();
    assert_eq!(rendered.difference(&listed).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
    // The proof's server has the label, too.
    let more: Vec<&str> = listed.difference(&rendered).map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(more, ["DevServer"]);
}

#[test]
fn rights_for_every_rendered_kind_are_checked() {
    let asked: BTreeSet<(&str, &str)> = context::WRITTEN.into_iter().collect();
    for (version, kind) in rendered() {
        let group = version.split_once('/').map_or("", |(group, _)| group);
        // The kinds of users and servers come with the CRDs; the check asks for flavors only.
        if kind == "DevUser" {
            continue;
        }
        let plural = format!("{}s", kind.to_lowercase());
        assert!(asked.contains(&(group, plural.as_str())), "{group}/{plural}");
    }
}
