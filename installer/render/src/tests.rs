//! Manifests of the shipped profiles, and mistakes in templates.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use devplat_profile::{PlatformName, Profile, SHIPPED, Sources, load};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::{
    Error, ImageReferences, PLATFORM_LABEL, ReleaseName, TemplateInput, Templates, digest,
    templates::EXAMPLE, to_yaml,
};

fn profile(name: &str) -> Profile {
    profile_with(name, &[])
}

fn profile_with(name: &str, sets: &[&str]) -> Profile {
    let sets = sets.iter().map(|&set| set.to_owned()).collect();
    load(&Sources { shipped: Some(name.to_owned()), sets, ..Sources::default() }).unwrap().profile
}

fn images() -> ImageReferences {
    ImageReferences {
        operator: "devplat.local/devplat-operator@sha256:01".to_owned(),
        bastion: "devplat.local/devplat-bastion@sha256:04".to_owned(),
        agent: "devplat.local/devplat-agent@sha256:02".to_owned(),
        dev_server: "devplat.local/devserver-base@sha256:03".to_owned(),
    }
}

fn with<T>(profile: &Profile, act: impl FnOnce(TemplateInput<'_>) -> T) -> T {
    let made_keys = BTreeMap::from([("demo".to_owned(), "ssh-ed25519 AAAA demo".to_owned())]);
    act(TemplateInput {
        platform: &PlatformName::default(),
        profile,
        images: &images(),
        made_keys: &made_keys,
    })
}

fn overriding(name: &str, text: &str) -> Result<Templates, Error> {
    Templates::new(&BTreeMap::from([(name.to_owned(), text.to_owned())]))
}

#[test]
fn shipped_profiles_render_as_reviewed() {
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

/// Adds every file below `folder` by its name below `root`.
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
fn every_template_is_rendered() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates"));
    let mut all = BTreeSet::new();
    files(root, root, &mut all);
    let made_from = ReleaseName::ALL.into_iter().flat_map(Templates::of);
    let rendered: BTreeSet<String> = made_from.chain([EXAMPLE.to_owned()]).collect();
    assert_eq!(rendered, all);
}

/// Adds every container in `value` at any depth, init containers included.
fn containers(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                if let ("containers" | "initContainers", Value::Array(all)) = (key.as_str(), field) {
                    found.extend(all.iter().cloned());
                }
                containers(field, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| containers(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A quota on cpu or memory rejects a pod with a container that does not state them.
#[test]
fn every_container_states_requests_and_limits_of_cpu_and_memory() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    for shipped in SHIPPED {
        let profile = profile(shipped.name);
        let mut found = Vec::new();
        for release in ReleaseName::ALL {
            for object in with(&profile, |input| templates.release(release, input)).unwrap() {
                containers(&object.data, &mut found);
            }
        }
        let names: BTreeSet<&str> = found.iter().filter_map(|container| container["name"].as_str()).collect();
        assert_eq!(names, BTreeSet::from(["bastion", "devctl", "operator"]), "{}", shipped.name);
        let flavors = profile.flavors.values().map(|flavor| json!({"resources": flavor.resources}));
        for container in found.into_iter().chain(flavors) {
            for (kind, resource) in
                [("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory")]
            {
                let amount = &container["resources"][kind][resource];
                assert!(amount.is_string(), "{}: {kind}.{resource} in {container:#}", shipped.name);
            }
        }
    }
}

#[test]
fn load_balancer_keeps_addresses_of_clients() {
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
fn changed_user_authorities_restart_the_bastion() {
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
fn every_object_has_the_labels_of_its_platform() {
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
fn namespaces_come_first_and_workloads_last() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let objects = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap();
    let kinds: Vec<&str> =
        objects.iter().map(|object| object.types.as_ref().unwrap().kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"Namespace"));
    assert!(kinds[kinds.len() - 2..].contains(&"Deployment"), "{kinds:?}");
}

#[test]
fn unknown_name_in_an_override_is_reported_with_its_line() {
    let templates = overriding(
        "operator/service.yaml.hbs",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {replicas: {{operator.replica}} }\n",
    )
    .unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert_eq!(error.to_string(), r#"template operator/service.yaml.hbs:4: unknown name "operator.replica""#);
    assert_eq!(error.hint().unwrap(), r#"did you mean "operator.replicas"?"#);
}

#[test]
fn unknown_name_in_a_json_helper_is_reported() {
    let templates = overriding("operator/service.yaml.hbs", "a: {{json images.operatr}}\n").unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert_eq!(error.to_string(), r#"template operator/service.yaml.hbs:1: unknown name "images.operatr""#);
    assert_eq!(error.hint().unwrap(), r#"did you mean "images.operator"?"#);
}

#[test]
fn override_of_an_unknown_template_is_rejected() {
    let error = overriding("operator/deploymnt.yaml.hbs", "").err().unwrap();
    assert_eq!(error.to_string(), "operator/deploymnt.yaml.hbs overrides no template");
    assert_eq!(error.hint().unwrap(), r#"did you mean "operator/deployment.yaml.hbs"?"#);
}

#[test]
fn malformed_template_is_reported_with_its_line() {
    let error = overriding("operator/service.yaml.hbs", "a: b\n{{#if x}}\n").err().unwrap();
    assert!(error.to_string().starts_with("template operator/service.yaml.hbs:"), "{error}");
}

#[test]
fn override_must_render_to_an_object() {
    let templates = overriding("operator/service.yaml.hbs", "just: a map\n").unwrap();
    let error = with(&profile("kind"), |input| templates.release(ReleaseName::Operator, input)).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("template operator/service.yaml.hbs does not render to a Kubernetes object: "),
        "{error}"
    );
}

#[test]
fn values_cannot_add_keys_to_a_manifest() {
    let mut profile = profile("kind");
    profile.dev_servers.storage_class = Some("x\"}\nevil: true".to_owned());
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let objects = with(&profile, |input| templates.release(ReleaseName::Operator, input)).unwrap();
    assert!(to_yaml(&objects).lines().all(|line| !line.starts_with("evil")));
}

#[test]
fn bastion_gets_its_address_where_the_profile_determines_it() {
    let host = |provider: &str, sets: &[&str]| {
        let templates = Templates::new(&BTreeMap::new()).unwrap();
        let profile = profile_with(provider, sets);
        let yaml = to_yaml(&with(&profile, |input| templates.release(ReleaseName::Bastion, input)).unwrap());
        yaml.lines().find_map(|line| Some(line.split_once("--host=")?.1.trim_matches('"').to_owned()))
    };
    let name = "bastion.hostNames=[\"*.example.com\",\"dev.example.com\"]";
    for provider in ["kind", "k3d"] {
        // The number of a free port is only known once the cluster exists.
        assert_eq!(host(provider, &[name]), None);
        let port = format!("cluster.{provider}.sshPort=2022");
        assert_eq!(host(provider, &[&port, name]).as_deref(), Some("dev.example.com:2022"));
        assert_eq!(host(provider, &[&port, "bastion.hostNames=[\"::1\"]"]).as_deref(), Some("[::1]:2022"));
    }
    let exposed = |exposure| host("existing", &[name, "bastion.nodePort=30022", exposure]);
    assert_eq!(exposed("bastion.exposure=nodePort").as_deref(), Some("dev.example.com:30022"));
    assert_eq!(exposed("bastion.exposure=loadBalancer").as_deref(), Some("dev.example.com"));
    assert_eq!(exposed("bastion.exposure=portForward"), None);
}

#[test]
fn certificate_of_the_bastion_names_the_address_of_its_port() {
    let names = |sets: &[&str]| {
        let templates = Templates::new(&BTreeMap::new()).unwrap();
        let profile = profile_with("k3d", sets);
        let yaml = to_yaml(&with(&profile, |input| templates.release(ReleaseName::Operator, input)).unwrap());
        let value = yaml.split_once("name: DEVPLAT_BASTION_NAMES\n          value: ").unwrap().1;
        value.lines().next().unwrap().trim_matches(['"', '\'']).to_owned()
    };
    let host = "bastion.hostNames=[a.example]";
    assert_eq!(names(&["cluster.k3d.sshAddress=127.0.0.2", host]), "a.example,127.0.0.2");
    assert_eq!(names(&["cluster.k3d.sshAddress=192.0.2.7", "bastion.hostNames=[192.0.2.7]"]), "192.0.2.7");
    for everywhere in ["0.0.0.0", "127.0.0.1", "::1"] {
        assert_eq!(names(&[&format!("cluster.k3d.sshAddress={everywhere}"), host]), "a.example");
    }
}

#[test]
fn operator_gets_the_level_of_pod_security() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    for level in ["privileged", "baseline", "none"] {
        let profile = profile_with("kind", &[&format!("devServers.podSecurity={level}")]);
        let yaml = to_yaml(&with(&profile, |input| templates.release(ReleaseName::Operator, input)).unwrap());
        assert!(yaml.contains(&format!("name: DEVPLAT_POD_SECURITY\n          value: {level}")), "{yaml}");
    }
}

#[test]
fn digest_depends_on_the_content() {
    let templates = Templates::new(&BTreeMap::new()).unwrap();
    let flavors = |profile: &Profile| {
        digest(&with(profile, |input| templates.release(ReleaseName::Flavors, input)).unwrap())
    };
    let mut changed = profile("kind");
    assert_eq!(flavors(&changed), flavors(&profile("kind")));
    changed.dev_servers.default_flavor = "cpu-large".parse().unwrap();
    assert_ne!(flavors(&changed), flavors(&profile("kind")));
}
