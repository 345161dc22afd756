//! Filters: names with values, compared with what an answer shows.

use serde_json::Value;

use super::input::Input;
use crate::{
    model,
    refusal::{Refusal, missing_parameter, refused, unknown},
    state::thing::Members,
};

/// The most values of a call's filters together.
const VALUES_MAX: usize = 200;

/// One filter of a call.
#[derive(Debug)]
pub(crate) struct Filter {
    by: By,
    values: Vec<String>,
}

#[derive(Debug)]
enum By {
    /// A path of members, such as `Attachments.VpcId`.
    Path(&'static str),
    TagKey,
    Tag(String),
}

/// Reads the filters of a call. One that the fake does not know is unknown, whether AWS knows it or not.
pub(crate) fn read(
    input: Input<'_>,
    call: &str,
    known: &[(&'static str, &'static str)],
) -> Result<Vec<Filter>, Refusal> {
    let member = if input.has("Filter") { "Filter" } else { "Filters" };
    let filters: Result<Vec<Filter>, Refusal> = input
        .structures(member)
        .map(|filter| {
            let name = filter.text("Name").ok_or_else(|| missing_parameter("Filter.Name"))?;
            let by = match name.strip_prefix("tag:") {
                Some(key) => By::Tag(key.to_owned()),
                None if name == "tag-key" => By::TagKey,
                None => {
                    let found = known.iter().find(|(known, _)| *known == name);
                    let (_, path) = found.ok_or_else(|| not_known(call, name))?;
                    By::Path(path)
                }
            };
            let values: Vec<String> = filter.texts("Values").into_iter().map(str::to_owned).collect();
            if values.is_empty() {
                return Err(refused("InvalidParameterValue", format!("The filter '{name}' has no values")));
            }
            Ok(Filter { by, values })
        })
        .collect();
    let filters = filters?;
    let values: usize = filters.iter().map(|filter| filter.values.len()).sum();
    if values > VALUES_MAX {
        return Err(refused("FilterLimitExceeded", format!("More than {VALUES_MAX} filter values")));
    }
    Ok(filters)
}

/// Returns the refusal of a filter, with what AWS would do.
fn not_known(call: &str, name: &str) -> Refusal {
    let documented =
        model::ec2().operations.get(call).is_some_and(|call| call.filters.iter().any(|one| one == name));
    let aws = if documented { "in AWS's documentation" } else { "not in AWS's documentation" };
    unknown(format!("filter {name} of {call}, {aws}"))
}

impl Filter {
    /// Returns whether a thing, as an answer shows it, has one of the values.
    pub(crate) fn matches(&self, shown: &Members) -> bool {
        let mut found = Vec::new();
        match &self.by {
            By::Path(path) => collect(&Value::Object(shown.clone()), path, &mut found),
            By::TagKey => found.extend(tags(shown).map(|(key, _)| key.to_owned())),
            By::Tag(wanted) => {
                found.extend(tags(shown).filter(|(key, _)| key == wanted).map(|(_, value)| value.to_owned()));
            }
        }
        found.iter().any(|text| self.values.iter().any(|pattern| matches(pattern, text)))
    }
}

fn tags(shown: &Members) -> impl Iterator<Item = (&str, &str)> {
    let list = shown
        .get("Tags")
        .or_else(|| shown.get("TagSet"))
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|tag| Some((tag.get("Key")?.as_str()?, tag.get("Value")?.as_str()?)))
}

/// Collects the texts at a path; a list has one for each entry.
fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Array(entries) => entries.iter().for_each(|entry| collect(entry, path, found)),
        Value::Object(members) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(value) = members.get(first) {
                collect(value, rest, found);
            }
        }
        Value::String(text) => found.push(text.clone()),
        Value::Bool(_) | Value::Number(_) => found.push(value.to_string()),
        Value::Null => {}
    }
}

/// Returns whether a text has this pattern: `*` stands for any characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            Some(_) | None => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_other_characters() {
        for (pattern, text) in [("a", "a"), ("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*b*", "abc")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "b"), ("a", "ab"), ("a?c", "ac"), ("*b", "abc"), ("", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
