//! What shipped profiles render to, and what templates may not do.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use devplat_profile::{PlatformName, Profile, SHIPPED, Sources, load};
use kube::ResourceExt;

use crate::{
    Error, Images, Input, PLATFORM_LABEL, ReleaseName, Templates, digest, templates::EXAMPLE, to_yaml,
};

fn profile(name: &str) -> Profile {
    profile_with(name, &[])
}

fn profile_with(name: &str, sets: &[&str]) -> Profile {
    let needed = match name {
        "existing" => vec!["images.registry=registry.example/devplat"],
        _ => Vec::new(),
    };
    let sets = needed.iter().chain(sets).map(|&set| set.to_owned()).collect();
    load(&Sources { shipped: Some(name.to_owned()), sets, ..Sources::default() }).unwrap().profile
}

fn images() -> Images {
    Images {
        operator: "devplat.local/devplat-operator@sha256:01".to_owned(),
        bastion: "devplat.local/devplat-bastion@sha256:04".to_owned(),
        agent: "devplat.local/devplat-agent@sha256:02".to_owned(),
        dev_server: "devplat.local/devserver-base@sha256:03".to_owned(),
    }
}

fn with<T>(profile: &Profile, act: impl FnOnce(Input<'_>) -> T) -> T {
    let made_keys = BTreeMap::from([("demo".to_owned(), "ssh-ed25519 AAAA demo".to_owned())]);
    act(Input { platform: &PlatformName::default(), profile, images: &images(), made_keys: &made_keys })
}

fn overriding(name: &str, text: &str) -> Result<Templates, Error> {
    Templates::new(&BTreeMap::from([(name.to_owned(), text.to_owned())]))
}

#[test]
fn every_shipped_profile_renders_every_release_as_reviewed() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    for shipped in SHIPPED {
        let profile = profile(shipped.name);
        for release in [ReleaseName::Operator, ReleaseName::Bastion, ReleaseName::Flavors, ReleaseName::Users]
        {
            let objects = with(&profile, |input| templates.release(release, input)).unwrap();
            insta::assert_snapshot!(format!("{}-{release}", shipped.name), to_yaml(&objects));
        }
        insta::assert_snapshot!(
            format!("{}-example", shipped.name),
            with(&profile, |input| templates.example(input)).unwrap()
        );
    }
}

/// Every file below `folder`, by its name below `root`.
fn files(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            found.insert(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

#[test]
fn every_file_among_the_templates_is_rendered_for_a_shipped_profile() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates"));
    let mut all = BTreeSet::new();
    files(root, root, &mut all);
    let made_from = ReleaseName::ALL.into_iter().flat_map(Templates::of);
    let rendered: BTreeSet<String> = made_from.chain([EXAMPLE.to_owned()]).collect();
    assert_eq!(rendered, all);
}

#[test]
fn a_load_balancer_leaves_clients_their_addresses() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let profile = profile_with("existing", &["bastion.exposure=loadBalancer"]);
    let objects = with(&profile, |input| templates.release(ReleaseName::Bastion, input)).unwrap();
    let service = objects.iter().find(|object| object.types.as_ref().unwrap().kind == "Service").unwrap();
    let spec = &service.data["spec"];
    assert_eq!(
        (&spec["type"], &spec["externalTrafficPolicy"]),
        (&"LoadBalancer".into(), &"Local".into()),
        "{spec:#}"
    );
}

#[test]
fn other_authorities_of_users_make_other_pods_of_the_bastion() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let pods = |profile: &Profile| {
        let objects = with(profile, |input| templates.release(ReleaseName::Bastion, input)).unwrap();
        let kind = |object: &&kube::core::DynamicObject| object.types.as_ref().unwrap().kind == "Deployment";
        objects.iter().find(kind).unwrap().data["spec"]["template"].clone()
    };
    let [one, other] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBtb2sPrlWyAosqg7/PUsc9ZY10Ec64MAlZbmu0KIkn1",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzEC2DC7Sfri7C+nHi5y6oofJhP5htxqI4wqnKOAtEI",
    ]
    .map(|key| profile_with("kind", &[&format!("bastion.userAuthorities=[{key}]")]));
    assert_ne!(pods(&one), pods(&other));
}

#[test]
fn every_object_is_marked_as_the_platforms() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    for release in ReleaseName::ALL {
        let objects = with(&profile("kind"), |input| templates.release(release, input)).unwrap();
        assert!(!objects.is_empty(), "{release}");
        for object in objects {
            assert_eq!(object.labels()[PLATFORM_LABEL], "devplat", "{}", object.name_any());
            assert_eq!(object.labels()["app.kubernetes.io/managed-by"], "devplat");
        }
    }
}

#[test]
fn namespace_comes_first_and_workload_last() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let objects = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap();
    let kinds: Vec<&str> =
        objects.iter().map(|object| object.types.as_ref().unwrap().kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"Namespace"));
    assert!(kinds[kinds.len() - 2..].contains(&"Deployment"), "{kinds:?}");
}

#[test]
fn unknown_variable_in_an_override_is_told_with_place_and_nearest() {
    let templates = overriding(
        "operator/service.yaml.hbs",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {replicas: {{operator.replica}} }\n",
    )
    .unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert_eq!(error.to_string(), r#"template operator/service.yaml.hbs:4: there is no "operator.replica""#);
    assert_eq!(error.hint().unwrap(), r#"did you mean "operator.replicas"?"#);
}

#[test]
fn unknown_variable_in_json_is_told_as_well() {
    let templates = overriding("operator/service.yaml.hbs", "a: {{json images.operatr}}\n").unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert_eq!(error.to_string(), r#"template operator/service.yaml.hbs:1: there is no "images.operatr""#);
    assert_eq!(error.hint().unwrap(), r#"did you mean "images.operator"?"#);
}

#[test]
fn override_of_no_template_names_the_nearest() {
    let error = overriding("operator/deploymnt.yaml.hbs", "").err().unwrap();
    assert_eq!(error.to_string(), "operator/deploymnt.yaml.hbs overrides no template");
    assert_eq!(error.hint().unwrap(), r#"did you mean "operator/deployment.yaml.hbs"?"#);
}

#[test]
fn template_that_does_not_parse_is_told_with_its_line() {
    let error = overriding("operator/service.yaml.hbs", "a: b\n{{#if x}}\n").err().unwrap();
    assert!(error.to_string().starts_with("template operator/service.yaml.hbs:"), "{error}");
}

#[test]
fn override_that_gives_no_object_is_told() {
    let templates = overriding("operator/service.yaml.hbs", "just: a map\n").unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert!(
        error.to_string().starts_with("template operator/service.yaml.hbs gives no Kubernetes object: "),
        "{error}"
    );
}

#[test]
fn values_cannot_break_out_of_their_place() {
    let mut profile = profile("kind");
    profile.dev_servers.storage_class = Some("x\"}\nevil: true".to_owned());
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let objects = with(&profile, |input| templates.release(ReleaseName::Operator, input)).unwrap();
    assert!(to_yaml(&objects).lines().all(|line| !line.starts_with("evil")));
}

#[test]
fn bastion_is_told_what_people_reach_it_by() {
    let rendered = |sets: &[&str]| {
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let sources = Sources { shipped: Some("kind".to_owned()), sets, ..Sources::default() };
        let profile = load(&sources).unwrap().profile;
        let templates = Templates::new(&BTreeMap::new()).unwrap();
        to_yaml(&with(&profile, |input| templates.release(ReleaseName::Bastion, input)).unwrap())
    };
    // On a port that nobody knows before, only those who sign in know it.
    assert!(!rendered(&["bastion.hostNames=[\"dev.example.com\"]"]).contains("--host="));
    let port = "cluster.kind.sshPort=2022";
    let told = rendered(&[port, "bastion.hostNames=[\"*.example.com\",\"dev.example.com\"]"]);
    assert!(told.contains("--host=dev.example.com:2022\n"), "{told}");
    assert!(rendered(&[port, "bastion.hostNames=[\"::1\"]"]).contains("--host=[::1]:2022"));
}

#[test]
fn digest_is_of_the_content() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let flavors = |profile: &Profile| {
        digest(&with(profile, |input| templates.release(ReleaseName::Flavors, input)).unwrap())
    };
    let mut changed = profile("kind");
    assert_eq!(flavors(&changed), flavors(&profile("kind")));
    changed.dev_servers.default_flavor = "cpu-large".to_owned();
    assert_ne!(flavors(&changed), flavors(&profile("kind")));
}
