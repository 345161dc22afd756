//! Ids of resources: a kind and a name, and the text by which users, events and the journal know them.

use std::fmt;

/// A kind of resource. The label is the text of its ids, with `{}` where the name goes; without `{}`, a platform has
/// one resource of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindName {
    label: &'static str,
}

impl KindName {
    /// The kind whose ids read like `label`.
    pub const fn new(label: &'static str) -> Self {
        Self { label }
    }

    /// The id of the only resource of this kind.
    pub fn single(self) -> Id {
        Id { kind: self, name: Name::default() }
    }

    /// The id of the resource of this kind named `name`.
    pub fn named(self, name: impl Into<String>) -> Id {
        Id { kind: self, name: Name(name.into()) }
    }

    /// The id of this kind that reads `text`, or `None` if none does.
    pub fn parse(self, text: &str) -> Option<Id> {
        match self.label.split_once("{}") {
            None => (text == self.label).then(|| self.single()),
            Some((before, after)) => {
                let name = text.strip_prefix(before)?.strip_suffix(after)?;
                (!name.is_empty() && !name.contains(' ')).then(|| self.named(name))
            }
        }
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.label.split_whitespace().filter(|word| *word != "{}").collect();
        f.write_str(&words.join(" "))
    }
}

/// The name of a resource among those of its kind; empty where a platform has only one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a resource. Its text is an interface: events, `status` and the journal contain it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    kind: KindName,
    name: Name,
}

impl Id {
    pub fn kind(&self) -> KindName {
        self.kind
    }

    /// Its name within its kind.
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.label.split_once("{}") {
            None => f.write_str(self.kind.label),
            Some((before, after)) => write!(f, "{before}{}{after}", self.name.0),
        }
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: KindName = KindName::new("cluster");
    const IMAGE: KindName = KindName::new("image {}");
    const IMPORT: KindName = KindName::new("image {} in the nodes");

    #[test]
    fn ids_read_like_the_label_of_their_kind() {
        assert_eq!(CLUSTER.single().to_string(), "cluster");
        assert_eq!(IMPORT.named("agent").to_string(), "image agent in the nodes");
        assert_eq!(IMPORT.to_string(), "image in the nodes");
    }

    #[test]
    fn text_of_an_id_parses_to_that_id_alone() {
        for id in [CLUSTER.single(), IMAGE.named("agent"), IMPORT.named("agent")] {
            let parsed: Vec<Id> =
                [CLUSTER, IMAGE, IMPORT].into_iter().filter_map(|kind| kind.parse(&id.to_string())).collect();
            assert_eq!(parsed, [id]);
        }
        assert_eq!(IMAGE.parse("image "), None);
    }
}
