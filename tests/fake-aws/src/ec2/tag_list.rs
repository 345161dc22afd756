//! The tags in a call, and their limits.

use std::collections::BTreeMap;

use super::input::Input;
use crate::refusal::{Refusal, invalid_value, refused};

/// The most tags of a thing, and the longest key and value: EC2 user guide, "Tag restrictions".
const TAGS_MAX: usize = 50;
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

pub(crate) type Tags = BTreeMap<String, String>;

/// Returns the tags that a creating call gives to things of this kind. Tags for another kind than its own are refused.
pub(crate) fn of_new(input: Input<'_>, kind: &str) -> Result<Tags, Refusal> {
    let mut all = Tags::new();
    for specification in input.structures("TagSpecifications") {
        let of = specification.need("ResourceType")?;
        if of != kind {
            let message = format!("'{of}' is not a valid taggable resource type for this operation.");
            return Err(refused("InvalidParameterValue", message));
        }
        if specification.list("Tags").is_empty() {
            return Err(refused("InvalidParameterValue", "Tag specification must have at least one tag"));
        }
        lay(&mut all, specification)?;
    }
    within_limit(&all)?;
    Ok(all)
}

/// Adds the tags of a structure, or replaces their values.
pub(crate) fn lay(tags: &mut Tags, input: Input<'_>) -> Result<(), Refusal> {
    for tag in input.structures("Tags") {
        let key = tag.need("Key")?;
        let value = tag.text("Value").unwrap_or_default();
        if key.chars().count() > KEY_MAX {
            return Err(invalid_value(key, "Tag.Key", "Maximum length is 128."));
        }
        if value.chars().count() > VALUE_MAX {
            return Err(invalid_value(value, "Tag.Value", "Maximum length is 256."));
        }
        if key.starts_with("aws:") {
            let why = "Tag keys starting with 'aws:' are reserved for internal use";
            return Err(refused("InvalidParameterValue", why));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(())
}

pub(crate) fn within_limit(tags: &Tags) -> Result<(), Refusal> {
    if tags.len() > TAGS_MAX {
        let message = "The maximum number of Tags for a resource has been reached.";
        return Err(refused("TagLimitExceeded", message));
    }
    Ok(())
}
