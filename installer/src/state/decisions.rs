//! The decisions of the first `up`, so that later runs decide the same and detect another engine, cluster or account.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The version of the format that this devplat writes and reads. The first files have no version.
pub(super) const VERSION: u64 = 1;
/// The key of the version.
const VERSION_KEY: &str = "version";

/// The decisions of a platform, as `decisions.json` holds them. Older files lack newer fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Decisions {
    /// The name of the shipped profile, or the absolute path of the user's file, or the name of a pipe.
    pub profile: Option<String>,
    /// The text of the user's file at that time, because the file may be gone, or may have been a pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_text: Option<String>,
    /// The folder that relative file names in this text start from, if it came through a pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_folder: Option<PathBuf>,
    /// The values of `--set`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The values of `DEVPLAT_` variables, by the name of the variable.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The configuration file for kind or k3d that the profile names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_file: Option<RememberedFile>,
    /// The context of the cluster, if the user named one.
    pub context: Option<String>,
    /// The reference that `devServers.image: auto` was resolved to, or `debian`.
    pub dev_server_image: Option<String>,
    /// The place of the platform's cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Location>,
    /// The account of this machine that created the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Other accounts of this machine whose platform the user has taken over, as `UID:NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<String>,
    /// The delivery of images to the nodes of an existing cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<RememberedDelivery>,
    /// Whether `devplat ssh-config` has added a block to `~/.ssh/config`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ssh_config: bool,
    /// The port of `devplat port-forward`, which the ssh configuration names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded_port: Option<u16>,
    /// The user's templates by their names, because their folder may be gone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, String>,
}

/// The decisions as they are written.
#[derive(Serialize)]
struct Written<'a> {
    version: u64,
    #[serde(flatten)]
    decisions: &'a Decisions,
}

/// The reason why a text is not read as decisions.
#[derive(Debug)]
pub(super) enum Unread {
    /// It has another version.
    OtherVersion(u64),
    /// It is not what devplat writes.
    Damaged(DecisionsDamage),
}

/// The damage of a file with decisions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionsDamage {
    /// It is not JSON.
    #[error("it is not JSON from line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 before the first character of the line.
        column: usize,
    },
    /// It is another JSON value.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// Values of the wrong type.
    #[error("these keys have values of the wrong type: {}", .0.join(", "))]
    Values(Vec<String>),
}

impl Decisions {
    /// Reads the text of a file.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Unread> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            Unread::Damaged(DecisionsDamage::NotJson { line: error.line(), column: error.column() })
        })?;
        let Value::Object(mut object) = value else {
            return Err(Unread::Damaged(DecisionsDamage::NotAnObject));
        };
        match object.remove(VERSION_KEY).map(|version| version.as_u64()) {
            None | Some(Some(VERSION)) => {}
            Some(Some(found)) => return Err(Unread::OtherVersion(found)),
            Some(None) => return Err(Unread::Damaged(DecisionsDamage::Values(vec![VERSION_KEY.to_owned()]))),
        }
        serde_json::from_value(Value::Object(object.clone()))
            .map_err(|_| Unread::Damaged(DecisionsDamage::Values(wrong(&object))))
    }

    /// Returns the text of the file.
    pub(super) fn text(&self) -> Vec<u8> {
        let written = Written { version: VERSION, decisions: self };
        serde_json::to_vec_pretty(&written).expect("decisions are JSON")
    }
}

/// Returns the keys whose values alone are not decisions.
fn wrong(object: &Map<String, Value>) -> Vec<String> {
    let alone = |key: &String, value: &Value| Value::Object(Map::from_iter([(key.clone(), value.clone())]));
    let is_wrong =
        |(key, value): &(&String, &Value)| serde_json::from_value::<Decisions>(alone(key, value)).is_err();
    object.iter().filter(is_wrong).map(|(key, _)| key.clone()).collect()
}

/// A file of the user's, with its text at that time, because the file may be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RememberedFile {
    pub path: PathBuf,
    pub text: String,
}

/// The place of a platform's cluster, with the id that distinguishes it from another one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "in")]
pub enum Location {
    /// A cluster that devplat created in a Docker engine.
    #[serde(rename_all = "camelCase")]
    Engine {
        /// The engine's own id.
        id: String,
        /// Its endpoint at that time, for messages.
        endpoint: String,
    },
    /// A cluster that the user named by a context.
    #[serde(rename_all = "camelCase")]
    Cluster {
        /// The UID of its namespace kube-system.
        uid: String,
        /// Its API server at that time, for messages.
        server: String,
    },
}

/// A delivery that was chosen by facts of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum RememberedDelivery {
    /// Imported into the nodes through the Docker engine that they run in.
    #[serde(rename_all = "camelCase")]
    EngineNodes {
        /// The label that names the cluster on its containers.
        label: String,
    },
    /// Loaded by minikube.
    Minikube {
        /// minikube's profile.
        profile: String,
    },
    /// Pushed to a registry.
    #[serde(rename_all = "camelCase")]
    Registry {
        /// Host and path to push below.
        push: String,
        /// Host and path that the nodes pull from.
        pull: String,
        /// Whether it speaks HTTP without TLS.
        plain_http: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(text: &str) -> String {
        match Decisions::parse(text.as_bytes()) {
            Err(Unread::Damaged(damage)) => damage.to_string(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn written_decisions_have_a_version_and_are_read() {
        let decisions = Decisions {
            profile: Some("kind".to_owned()),
            set: vec!["operator.replicas=1".to_owned()],
            place: Some(Location::Cluster { uid: "u".to_owned(), server: "https://a".to_owned() }),
            ..Decisions::default()
        };
        let text = decisions.text();
        assert!(text.starts_with(b"{\n  \"version\": 1,\n  \"profile\": \"kind\","), "{text:?}");
        assert_eq!(Decisions::parse(&text).unwrap(), decisions);
    }

    #[test]
    fn decisions_without_a_version_are_read() {
        let text = br#"{"profile": "kind", "context": null, "devServerImage": "debian"}"#;
        let decisions = Decisions::parse(text).unwrap();
        assert_eq!(decisions.dev_server_image.as_deref(), Some("debian"));
        assert_eq!(decisions.place, None);
        assert_eq!(Decisions::parse(b"{}").unwrap(), Decisions::default());
    }

    #[test]
    fn other_version_is_not_read() {
        for (text, version) in [(r#"{"version": 99}"#, 99), (r#"{"version": 0, "profile": "kind"}"#, 0)] {
            let unread = Decisions::parse(text.as_bytes());
            assert!(matches!(unread, Err(Unread::OtherVersion(found)) if found == version), "{unread:?}");
        }
    }

    #[test]
    fn json_of_another_shape_is_damage_in_plain_words() {
        for text in ["null", "[]", "[\"kind\"]", "1", "\"kind\""] {
            assert_eq!(damage(text), "it is not a JSON object", "{text}");
        }
        assert_eq!(damage("{"), "it is not JSON from line 1, column 1");
        assert_eq!(damage(""), "it is not JSON from line 1, column 0");
        assert_eq!(damage("{}\n{}"), "it is not JSON from line 2, column 1");
    }

    #[test]
    fn keys_with_values_of_the_wrong_type_are_named() {
        let wrong = |keys: &str| format!("these keys have values of the wrong type: {keys}");
        assert_eq!(damage(r#"{"version": "1"}"#), wrong("version"));
        assert_eq!(damage(r#"{"set": "a=1", "profile": "kind", "takenOver": 7}"#), wrong("set, takenOver"));
        assert_eq!(damage(r#"{"place": {"in": "space"}}"#), wrong("place"));
    }
}
