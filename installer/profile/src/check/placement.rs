//! The nodes of a flavor. The operator's pods would fail with wrong labels and tolerations, long after `up`.

use std::collections::BTreeMap;

use super::{Check, shown};
use crate::{Toleration, TolerationOperator, label, path::KeyPath};

/// The most labels of nodes, and the most tolerations, of a flavor.
const MOST: usize = 64;

impl Check<'_> {
    pub(super) fn node_selector(&mut self, path: &KeyPath, labels: &BTreeMap<String, String>) {
        self.at_most(path, labels.len(), MOST);
        for (key, value) in labels {
            let path = path.key(key);
            if !label::is_qualified_name(key) {
                self.wrong_at(
                    &path,
                    format!("{} is not a label; write one such as example.com/disk", shown(key)),
                );
            }
            if !label::is_value(value) {
                self.wrong_at(&path, not_a_value(&path, value));
            }
        }
    }

    pub(super) fn tolerations(&mut self, path: &KeyPath, tolerations: &[Toleration]) {
        self.at_most(path, tolerations.len(), MOST);
        for (index, toleration) in tolerations.iter().enumerate() {
            self.toleration(&path.index(index), toleration);
        }
    }

    fn toleration(&mut self, path: &KeyPath, toleration: &Toleration) {
        let Toleration { key, operator, value, effect: _ } = toleration;
        let exists = match operator {
            Some(TolerationOperator::Exists) => true,
            Some(TolerationOperator::Equal) | None => false,
        };
        let (key_path, value_path) = (path.key("key"), path.key("value"));
        if key.is_empty() && !exists {
            let what =
                format!("{key_path}: an empty key, which stands for all taints, needs operator Exists");
            self.wrong(&[key_path, path.key("operator")], what);
        } else if !key.is_empty() && !label::is_qualified_name(key) {
            let what = format!("{key_path}: {} is not the key of a taint", shown(key));
            self.wrong_at(&key_path, what);
        }
        let value = value.as_deref().unwrap_or_default();
        if exists && !value.is_empty() {
            let what = format!("{value_path}: operator Exists takes no value; use operator Equal");
            self.wrong(&[value_path, path.key("operator")], what);
        } else if !label::is_value(value) {
            self.wrong_at(&value_path, not_a_value(&value_path, value));
        }
    }
}

fn not_a_value(path: &KeyPath, value: &str) -> String {
    format!(
        "{path}: {} is not the value of a label: use at most 63 letters, digits, '-', '_' and '.', with a letter or \
         digit at both ends",
        shown(value)
    )
}
