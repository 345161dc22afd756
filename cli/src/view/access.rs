//! Whether the API server answers, and what the user may do there.

use serde_json::{Value, json};

use super::{
    Look, Show,
    table::{Cell, Room, Table, Tone, toned},
};

/// Something that a user may do, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Right {
    pub(crate) verb: &'static str,
    /// With the subresource, such as `pods/log`.
    pub(crate) resource: &'static str,
    pub(crate) granted: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) server: String,
    pub(crate) version: String,
    /// How long the first answer took, in milliseconds.
    pub(crate) milliseconds: u128,
    pub(crate) namespace: String,
    pub(crate) rights: Vec<Right>,
}

impl Access {
    /// How many rights are missing.
    pub(crate) fn missing(&self) -> usize {
        self.rights.iter().filter(|right| !right.granted).count()
    }
}

impl Show for Access {
    fn table(&self, _wide: bool, look: &Look) -> String {
        let Self { server, version, milliseconds, namespace, rights } = self;
        let answers = toned("answers", Tone::Good, look.colours);
        let mut table =
            Table::new(&[("MAY I", Room::Whole), ("WHAT", Room::Whole), ("ALLOWED", Room::Whole)]);
        for right in rights {
            let (word, tone) = if right.granted { ("yes", Tone::Good) } else { ("no", Tone::Bad) };
            table.row(vec![right.verb.into(), right.resource.into(), Cell::toned(word, tone)]);
        }
        format!(
            "{server} {answers} in {milliseconds} ms: Kubernetes {version}\n\nin namespace {namespace}:\n{}",
            table.text(look)
        )
    }

    fn value(&self) -> Value {
        let right =
            |right: &Right| json!({"verb": right.verb, "resource": right.resource, "granted": right.granted});
        json!({
            "apiServer": self.server,
            "version": self.version,
            "milliseconds": u64::try_from(self.milliseconds).unwrap_or(u64::MAX),
            "namespace": self.namespace,
            "rights": self.rights.iter().map(right).collect::<Vec<_>>(),
        })
    }

    fn names(&self) -> Vec<String> {
        let granted = self.rights.iter().filter(|right| right.granted);
        granted.map(|right| format!("{} {}", right.verb, right.resource)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Format, text};

    #[test]
    fn missing_rights_are_seen() {
        let access = Access {
            server: "https://10.0.0.1".into(),
            version: "v1.34.3".into(),
            milliseconds: 12,
            namespace: "dev-alice".into(),
            rights: vec![
                Right { verb: "list", resource: "devservers", granted: true },
                Right { verb: "get", resource: "pods/log", granted: false },
            ],
        };
        let look = Look { width: Some(60), colours: false, now: "2026-11-24T10:05:00Z".parse().unwrap() };
        insta::assert_snapshot!(text(&access, Format::Table, &look), @r"
        https://10.0.0.1 answers in 12 ms: Kubernetes v1.34.3

        in namespace dev-alice:
        MAY I  WHAT        ALLOWED
        list   devservers  yes
        get    pods/log    no
        ");
        assert_eq!(access.missing(), 1);
        assert_eq!(text(&access, Format::Name, &look), "list devservers");
    }
}
