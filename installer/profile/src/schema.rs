//! The JSON Schemas of a profile, derived from `document/`, so that each key is defined once. One is for all layers
//! joined and has required keys; the other is for a single layer, which users write and editors check.

use serde_json::{Value as Json, json};

use crate::document::Document;

/// The prefix of references to definitions in a schema.
pub(crate) const DEFINITIONS: &str = "#/$defs/";

/// Returns the JSON Schema of all layers joined.
pub(crate) fn whole() -> Json {
    schemars::schema_for!(Document).to_value()
}

/// Returns the JSON Schema of one layer, such as a profile file: no key is required, and a null among free keys removes
/// the value of a lower layer.
pub fn schema() -> Json {
    let mut schema = whole();
    let defs = schema["$defs"].take();
    let mut layered = Vec::new();
    loosen(&mut schema, &mut layered);
    schema["$defs"] = defs;
    // A definition that is only used for the entries of a list stays as it is, since lists are replaced, not joined.
    let mut next = 0;
    while let Some(name) = layered.get(next).cloned() {
        loosen(&mut schema["$defs"][&name], &mut layered);
        next += 1;
    }
    schema
}

/// Loosens `here` and adds to `layered` the definitions that it refers to.
fn loosen(here: &mut Json, layered: &mut Vec<String>) {
    let Json::Object(keys) = here else { return };
    keys.remove("required");
    if let Some(name) =
        keys.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix(DEFINITIONS))
        && !layered.iter().any(|known| known == name)
    {
        layered.push(name.to_owned());
    }
    for (key, value) in keys {
        match (key.as_str(), value) {
            ("properties", Json::Object(properties)) => {
                for property in properties.values_mut() {
                    loosen(property, layered);
                }
            }
            ("anyOf", Json::Array(choices)) => {
                for choice in choices {
                    loosen(choice, layered);
                }
            }
            ("additionalProperties", free @ Json::Object(_)) => {
                loosen(free, layered);
                *free = json!({"anyOf": [free.take(), {"type": "null"}]});
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Place, SHIPPED,
        parse::parse,
        shape::Shape,
        shipped::{BASE, Shipped},
    };

    fn check(text: &str) -> Result<(), String> {
        let place = Place::Argument("here".to_owned());
        let mut mistakes = Vec::new();
        let layer = parse(text, &|_, _| place.clone(), &mut mistakes).unwrap().unwrap().to_json();
        assert_eq!(mistakes, []);
        jsonschema::validate(&schema(), &layer).map_err(|error| error.to_string())
    }

    #[test]
    fn every_shipped_profile_conforms_to_the_published_schema() {
        for Shipped { name, description: _, text } in SHIPPED.iter().chain([&BASE]) {
            assert_eq!(check(text), Ok(()), "{name}");
        }
    }

    #[test]
    fn profiles_of_the_readme_conform_to_the_published_schema() {
        let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let profiles: Vec<&str> = blocks.filter(|block| block.starts_with("extends: ")).collect();
        assert!(!profiles.is_empty(), "the README shows no profile file");
        for profile in profiles {
            assert_eq!(check(profile), Ok(()), "{profile}");
        }
    }

    #[test]
    fn layer_can_omit_and_remove_keys_but_not_add_unknown_ones() {
        for good in [
            "{}",
            "extends: kind",
            "operator: {replicas: 1}",
            "flavors: {cpu-large: null, cpu-small: {nodeSelector: {disk: null}}}",
            "flavors: {gpu: {tolerations: [{key: gpu, operator: Exists}]}}",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "operater: {replicas: 1}",
            "operator: {replica: 1}",
            "operator: {replicas: 9}",
            "cluster: {provider: knid}",
            "flavors: {cpu-small: {resorces: {}}}",
            // Entries of a list are complete, since lists are replaced, not joined.
            "cluster: {kind: {portMappings: [{hostPort: 8080}]}}",
            "flavors: {gpu: {tolerations: [{operator: Exists}]}}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn layers_are_checked_as_the_crate_jsonschema_does() {
        let shape = Shape::of(&whole()).unwrap();
        for text in [
            "extends: kind",
            "operator: {replicas: 5}",
            "operator: {replicas: 6}",
            "operator: {replicas: -1}",
            "operator: {replicas: \"1\"}",
            "operator: {replicas: null}",
            "operator: []",
            "cluster: {provider: k3d, k3d: {servers: 9}}",
            "cluster: {provider: k3d, k3d: {servers: 10}}",
            "cluster: {provider: K3D}",
            "cluster: {kind: {sshPort: null, configFile: a}}",
            "cluster: {kind: {portMappings: [{hostPort: 1, nodePort: 65536}]}}",
            "images: {delivery: auto, plainHttp: false, local: {port: 0}}",
            "images: {plainHttp: yes}",
            "bastion: {hostNames: [a, [b]]}",
            "bastion: {hostNames: a}",
            "devServers: {homeSize: 10Gi, podSecurity: none}",
            "devServers: {homeSize: 10GB}",
            "devServers: {podSecurity: restricted}",
            "flavors: {gpu: null}",
            "flavors: {gpu: {resources: {limits: {nvidia.com/gpu: null}}}}",
            "flavors: {gpu: {resources: {limits: {nvidia.com/gpu: many}}}}",
            "users: {alice: {generateKey: 1}}",
        ] {
            let place = Place::Argument("here".to_owned());
            let mut mistakes = Vec::new();
            let mut layer = parse(text, &|_, _| place.clone(), &mut mistakes).unwrap().unwrap();
            shape.sift(&mut layer, &mut mistakes);
            assert_eq!(mistakes.is_empty(), check(text).is_ok(), "{text}: {mistakes:?}");
        }
    }

    #[test]
    fn joined_layers_have_required_keys() {
        assert_eq!(whole()["required"].as_array().map(Vec::len), Some(5));
        assert_eq!(schema().get("required"), None);
    }
}
