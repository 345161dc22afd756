//! Reads the JSON Schema that schemars derives. A keyword that this module does not know is an error, because it would
//! silently not be checked.

use serde_json::{Map as Object, Value as Json};

use super::{Map, Shape, ValueShape};
use crate::schema::DEFINITIONS;

/// A part of the schema that this module does not interpret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile's schema has {keyword:?} at {at}, which is not interpreted")]
pub(crate) struct UnknownKeyword {
    keyword: String,
    at: String,
}

/// Keywords that do not restrict values, or that repeat the type.
const ANNOTATIONS: [&str; 7] =
    ["$schema", "$defs", "title", "description", "default", "format", "x-kubernetes-validations"];

impl Shape {
    /// Returns the values that `schema` allows.
    pub(crate) fn of(schema: &Json) -> Result<Self, UnknownKeyword> {
        SchemaReader { root: schema }.shape(schema, "#")
    }
}

struct SchemaReader<'a> {
    root: &'a Json,
}

impl SchemaReader<'_> {
    fn shape(&self, here: &Json, at: &str) -> Result<Shape, UnknownKeyword> {
        let unknown = |keyword: &str| UnknownKeyword { keyword: keyword.to_owned(), at: at.to_owned() };
        let Json::Object(keywords) = here else { return Err(unknown("a boolean schema")) };
        if let Some(path) = keywords.get("$ref").and_then(Json::as_str) {
            known(keywords, &["$ref"]).map_err(|keyword| unknown(&keyword))?;
            let name = path.strip_prefix(DEFINITIONS).ok_or_else(|| unknown(path))?;
            return self.shape(&self.root["$defs"][name], path);
        }
        if let Some(choices) = keywords.get("anyOf").and_then(Json::as_array) {
            known(keywords, &["anyOf"]).map_err(|keyword| unknown(&keyword))?;
            let null = |one: &&Json| one["type"] == "null";
            let mut others = choices.iter().filter(|one| !null(one));
            let (Some(one), None) = (others.next(), others.next()) else { return Err(unknown("anyOf")) };
            return Ok(Shape { nullable: true, ..self.shape(one, at)? });
        }
        let (kind, nullable) = kind(keywords);
        let (interpreted, value): (&[&str], ValueShape) = match kind {
            _ if keywords.get("x-kubernetes-int-or-string") == Some(&Json::Bool(true)) => {
                // The pattern and the length are those of `devplat_api::Amount`, which checks them.
                (&["x-kubernetes-int-or-string", "pattern", "maxLength"], ValueShape::Quantity)
            }
            _ if keywords.contains_key("oneOf") || keywords.contains_key("enum") => {
                (&["type", "enum", "oneOf"], ValueShape::Choice(choices(keywords)))
            }
            Some("object") => (
                &["type", "properties", "required", "additionalProperties", "maxProperties"],
                ValueShape::Map(self.map(keywords, at)?),
            ),
            Some("array") => {
                let item = self.shape(&keywords["items"], &format!("{at}/items"))?;
                (&["type", "items"], ValueShape::List(Box::new(item)))
            }
            Some("integer") => {
                let limit = |name: &str| keywords.get(name).and_then(Json::as_i64);
                let (min, max) = (limit("minimum"), limit("maximum"));
                let (Some(min), Some(max)) = (min, max) else { return Err(unknown("no limits")) };
                (&["type", "minimum", "maximum"], ValueShape::Integer { min, max })
            }
            Some("boolean") => (&["type"], ValueShape::Boolean),
            Some("string") => (&["type"], ValueShape::Text),
            Some(other) => return Err(unknown(other)),
            None => return Err(unknown("no type")),
        };
        known(keywords, interpreted).map_err(|keyword| unknown(&keyword))?;
        Ok(Shape { nullable, value })
    }

    fn map(&self, keywords: &Object<String, Json>, at: &str) -> Result<Map, UnknownKeyword> {
        let mut map = Map::default();
        for (key, child) in keywords.get("properties").and_then(Json::as_object).into_iter().flatten() {
            map.keys.insert(key.clone(), self.shape(child, &format!("{at}/{key}"))?);
        }
        let required = keywords.get("required").and_then(Json::as_array).into_iter().flatten();
        map.required = required.filter_map(Json::as_str).map(str::to_owned).collect();
        if let Some(free @ Json::Object(_)) = keywords.get("additionalProperties") {
            // A null among free keys removes the value of a lower layer.
            map.free = Some(Box::new(Shape { nullable: true, ..self.shape(free, &format!("{at}/*"))? }));
        }
        map.max =
            keywords.get("maxProperties").and_then(Json::as_u64).and_then(|max| usize::try_from(max).ok());
        Ok(map)
    }
}

/// Returns the type of a schema other than null, and whether null is one as well.
fn kind(keywords: &Object<String, Json>) -> (Option<&str>, bool) {
    match keywords.get("type") {
        Some(Json::String(one)) => (Some(one), false),
        Some(Json::Array(several)) => {
            let mut kinds = several.iter().filter_map(Json::as_str);
            (kinds.clone().find(|kind| *kind != "null"), kinds.any(|kind| kind == "null"))
        }
        _ => (None, false),
    }
}

fn choices(keywords: &Object<String, Json>) -> Vec<String> {
    let array = |name| keywords.get(name).and_then(Json::as_array).into_iter().flatten();
    let listed = array("enum").filter_map(Json::as_str);
    // schemars groups variants without a comment in an `enum` of their own.
    let described = array("oneOf").flat_map(|one| match one["enum"].as_array() {
        Some(several) => several.iter().filter_map(Json::as_str).collect(),
        None => one["const"].as_str().into_iter().collect::<Vec<_>>(),
    });
    listed.chain(described).map(str::to_owned).collect()
}

/// Fails with the first keyword that is neither an annotation nor one of `interpreted`.
fn known(keywords: &Object<String, Json>, interpreted: &[&str]) -> Result<(), String> {
    let known = |keyword: &str| ANNOTATIONS.contains(&keyword) || interpreted.contains(&keyword);
    keywords.keys().find(|keyword| !known(keyword)).map_or(Ok(()), |keyword| Err(keyword.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::whole;

    #[test]
    fn whole_schema_is_interpreted() {
        let shape = Shape::of(&whole()).unwrap();
        let ValueShape::Map(map) = shape.value else { panic!("{shape:?}") };
        assert_eq!(map.free, None);
        assert!(map.keys.contains_key("cluster"));
    }

    #[test]
    fn keyword_that_would_not_be_checked_is_an_error() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}});
        assert_eq!(
            Shape::of(&schema).unwrap_err().to_string(),
            "the profile's schema has \"minLength\" at #/a, which is not interpreted"
        );
    }
}
