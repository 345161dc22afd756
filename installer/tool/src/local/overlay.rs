//! Puts devplat's part of a configuration on top of the user's. A different value for a key that devplat sets is an
//! error; all other keys stay.

use serde_json::{Map, Value};

/// The size limit of a configuration.
const LIMIT: usize = 1 << 20;

/// The reason why the user's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is not one YAML document.
    #[error("{0}")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// The text is too long.
    #[error("it is longer than 1 MiB")]
    TooLong,
    /// A key that devplat sets has another value.
    #[error("{key} is {theirs}; devplat sets it to {ours}")]
    Conflict {
        /// Its path, such as `networking.apiServerAddress`.
        key: String,
        /// The user's value, as JSON.
        theirs: String,
        /// devplat's value, as JSON.
        ours: String,
        /// The setting that the user sets instead, such as `--name`, if there is one.
        setting: Option<&'static str>,
    },
    /// A value has the wrong type.
    #[error("{key} is {theirs}, not {wanted}")]
    Shape {
        /// Its path.
        key: String,
        /// The user's value, as JSON.
        theirs: String,
        /// The expected type.
        wanted: &'static str,
    },
}

impl ConfigError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict { key, setting: None, .. } => Some(format!("remove {key} from the file")),
            Self::Conflict { key, setting: Some(setting), .. } => {
                Some(format!("remove {key} from the file; {setting} sets it"))
            }
            Self::Yaml(_) | Self::TooLong | Self::Shape { .. } => None,
        }
    }
}

/// A configuration that starts as the user's.
pub(super) struct Overlay(Value);

impl Overlay {
    /// Parses the user's configuration; without one, starts from an empty one.
    pub(super) fn over(text: Option<&str>) -> Result<Self, ConfigError> {
        let Some(text) = text else { return Ok(Self(Value::Object(Map::new()))) };
        if text.len() > LIMIT {
            return Err(ConfigError::TooLong);
        }
        let value: Value =
            serde_saphyr::from_str(text).map_err(|error| ConfigError::Yaml(Box::new(error)))?;
        match value {
            Value::Null => Ok(Self(Value::Object(Map::new()))),
            Value::Object(_) => Ok(Self(value)),
            other => Err(shape("the file", &other, "a map of keys")),
        }
    }

    /// Sets the key at a path with dots between its parts.
    pub(super) fn set(&mut self, path: &str, ours: impl Into<Value>) -> Result<(), ConfigError> {
        self.set_one(path, ours.into(), None)
    }

    /// Sets a value that the user sets with `setting`, which the hint of a conflict names.
    pub(super) fn set_by(
        &mut self,
        path: &str,
        ours: impl Into<Value>,
        setting: &'static str,
    ) -> Result<(), ConfigError> {
        self.set_one(path, ours.into(), Some(setting))
    }

    fn set_one(&mut self, path: &str, ours: Value, setting: Option<&'static str>) -> Result<(), ConfigError> {
        let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
        let map = self.map(above)?;
        match map.get(key) {
            Some(theirs) if *theirs != ours => Err(ConfigError::Conflict {
                key: path.to_owned(),
                theirs: theirs.to_string(),
                ours: ours.to_string(),
                setting,
            }),
            Some(_) => Ok(()),
            None => {
                map.insert(key.to_owned(), ours);
                Ok(())
            }
        }
    }

    /// Puts entries in front of the user's in a list, so that the user's win in lists whose later entries win.
    pub(super) fn prepend(&mut self, path: &str, ours: Vec<Value>) -> Result<(), ConfigError> {
        let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
        let list = list_of(self.map(above)?, key, path)?;
        list.splice(0..0, ours);
        Ok(())
    }

    /// Returns the entries of a list, which is created if absent.
    pub(super) fn list(&mut self, path: &str) -> Result<&mut Vec<Value>, ConfigError> {
        let (above, key) = path.rsplit_once('.').unwrap_or(("", path));
        list_of(self.map(above)?, key, path)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(&self.0, |value, key| value.get(key)).is_some_and(|value| !value.is_null())
    }

    /// Returns the configuration as JSON, which is also YAML.
    pub(super) fn text(&self) -> String {
        serde_saphyr::to_string(&self.0).unwrap_or_else(|_| self.0.to_string())
    }

    fn map(&mut self, path: &str) -> Result<&mut Map<String, Value>, ConfigError> {
        let mut value = &mut self.0;
        let mut so_far = String::new();
        for key in path.split('.').filter(|key| !key.is_empty()) {
            so_far.push_str(if so_far.is_empty() { "" } else { "." });
            so_far.push_str(key);
            let Value::Object(map) = value else { return Err(shape(&so_far, value, "a map of keys")) };
            let entry = map.entry(key.to_owned()).or_insert(Value::Null);
            if entry.is_null() {
                *entry = Value::Object(Map::new());
            }
            value = entry;
        }
        match value {
            Value::Object(map) => Ok(map),
            other => Err(shape(&so_far, other, "a map of keys")),
        }
    }
}

/// Returns the list at `key` of a map, which is created if absent.
pub(super) fn list_of<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
    path: &str,
) -> Result<&'a mut Vec<Value>, ConfigError> {
    let entry = map.entry(key.to_owned()).or_insert(Value::Null);
    if entry.is_null() {
        *entry = Value::Array(Vec::new());
    }
    match entry {
        Value::Array(list) => Ok(list),
        other => Err(shape(path, other, "a list")),
    }
}

/// Returns a configuration as it was written; `None` if it cannot be used, which its use reports.
pub(super) fn value_of(config: &str) -> Option<Value> {
    Overlay::over(Some(config)).ok().map(|Overlay(value)| value)
}

/// Returns the entries of a list; none if it is not a list.
pub(super) fn entries(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Returns a port that is written as a number or as a text; `None` if another program chooses it.
pub(super) fn port(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|port| *port != 0)
}

pub(super) fn shape(key: &str, theirs: &Value, wanted: &'static str) -> ConfigError {
    ConfigError::Shape { key: key.to_owned(), theirs: theirs.to_string(), wanted }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_keys_stay_and_equal_values_do_not_conflict() {
        let theirs = "kind: Cluster\nfeatureGates: {X: true}\nnetworking: {podSubnet: 10.1.0.0/16}\n";
        let mut config = Overlay::over(Some(theirs)).unwrap();
        config.set("kind", "Cluster").unwrap();
        config.set("networking.apiServerPort", 6443).unwrap();
        config.prepend("patches", vec![json!("ours")]).unwrap();
        assert_eq!(
            config.0,
            json!({
                "kind": "Cluster",
                "featureGates": { "X": true },
                "networking": { "podSubnet": "10.1.0.0/16", "apiServerPort": 6443 },
                "patches": ["ours"],
            })
        );
        let back: Value = serde_saphyr::from_str(&config.text()).unwrap();
        assert_eq!(back, config.0);
    }

    #[test]
    fn texts_that_yaml_would_read_as_another_type_are_quoted() {
        let mut config = Overlay::over(None).unwrap();
        for text in ["no", "on", "y", "null", "~", "012", "1e3", "1_000", "12:30"] {
            config.set(&format!("key-{text}"), text).unwrap();
        }
        for line in config.text().lines() {
            let value = line.split_once(": ").unwrap().1;
            assert!(value.starts_with(['"', '\'']), "{line}");
        }
    }

    #[test]
    fn different_value_for_a_key_of_devplats_is_a_conflict() {
        let mut config = Overlay::over(Some("networking:\n  apiServerAddress: 0.0.0.0\n")).unwrap();
        let error = config.set("networking.apiServerAddress", "127.0.0.1").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"networking.apiServerAddress is "0.0.0.0"; devplat sets it to "127.0.0.1""#
        );
        assert!(error.hint().unwrap().contains("networking.apiServerAddress"));
    }

    #[test]
    fn wrong_types_are_reported_with_their_path() {
        let mut config = Overlay::over(Some("networking: yes please\nnodes: {}\n")).unwrap();
        let error = config.set("networking.apiServerPort", 1).unwrap_err();
        assert_eq!(error.to_string(), "networking is \"yes please\", not a map of keys");
        assert_eq!(config.list("nodes").unwrap_err().to_string(), "nodes is {}, not a list");
        assert!(Overlay::over(Some("- a\n")).is_err());
        assert!(Overlay::over(Some("a: 1\n---\nb: 2\n")).is_err(), "two documents");
        assert!(Overlay::over(Some("a: [\n")).is_err());
        assert!(Overlay::over(Some("")).is_ok());
    }
}
