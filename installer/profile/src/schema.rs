//! The JSON Schema of a profile, made from `document.rs`, so that keys are written down once: of all layers together,
//! which is what has to be there in the end, and of one layer, which is what people write and editors check.

use serde_json::{Value as Json, json};

use crate::document::Document;

/// Where definitions are in a schema.
pub(crate) const DEFINITIONS: &str = "#/$defs/";

/// The JSON Schema of all layers of a profile together: of what has to be there in the end.
pub(crate) fn whole() -> Json {
    schemars::schema_for!(Document).to_value()
}

/// The JSON Schema of one layer of a profile, as somebody writes it down: no key has to be there, and a null takes away
/// what a lower layer has of free keys.
pub fn schema() -> Json {
    let mut schema = whole();
    let defs = schema["$defs"].take();
    let mut layered = Vec::new();
    loosen(&mut schema, &mut layered);
    schema["$defs"] = defs;
    // Each reached once: a definition that is only the item of a list stays whole, as lists are not joined.
    let mut next = 0;
    while let Some(name) = layered.get(next).cloned() {
        loosen(&mut schema["$defs"][&name], &mut layered);
        next += 1;
    }
    schema
}

/// Makes `here` that of one layer, and names the definitions that have to follow.
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
        shipped::{BASE, Shipped},
    };

    fn check(text: &str) -> Result<(), String> {
        let place = Place::Argument("here".to_owned());
        let mut mistakes = Vec::new();
        let layer = parse(text, &|_, _| place.clone(), &mut mistakes).to_json();
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
        assert!(!profiles.is_empty(), "the README shows no profile of one's own");
        for profile in profiles {
            assert_eq!(check(profile), Ok(()), "{profile}");
        }
    }

    #[test]
    fn layer_may_have_little_and_take_away_but_nothing_unknown() {
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
            // Lists replace each other: what is in one is whole.
            "cluster: {kind: {portMappings: [{hostPort: 8080}]}}",
            "flavors: {gpu: {tolerations: [{operator: Exists}]}}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn all_layers_together_still_have_to_be_complete() {
        assert_eq!(whole()["required"].as_array().map(Vec::len), Some(6));
        assert_eq!(schema().get("required"), None);
    }
}
