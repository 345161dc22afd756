//! The parameters of a call: from `Filter.1.Value.2=x` to values with the member names of the model.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    model::{Member, Model, Scalar, ScalarKind, Shape},
    refusal::{Refusal, invalid_value, missing_parameter, refused, unknown},
};

/// The most entries of one list; no call of AWS takes more.
const ENTRIES_MAX: usize = 1000;

/// Parameters as a tree along the dots of their names.
#[derive(Debug, Default)]
struct Tree {
    value: Option<String>,
    below: BTreeMap<String, Tree>,
}

/// Reads the parameters of a call into values of the shape `input`.
pub(crate) fn read(
    model: &Model,
    input: &str,
    parameters: &[(String, String)],
) -> Result<Map<String, Value>, Refusal> {
    let mut tree = Tree::default();
    for (name, value) in parameters {
        let place =
            name.split('.').fold(&mut tree, |tree, part| tree.below.entry(part.to_owned()).or_default());
        if place.value.replace(value.clone()).is_some() {
            return Err(unknown(format!("parameter {name} is there twice")));
        }
    }
    let reader = Reader { model };
    match reader.value(input, "", &tree)? {
        Value::Object(members) => Ok(members),
        other => Err(unknown(format!("the input {input} is not a structure: {other}"))),
    }
}

struct Reader<'a> {
    model: &'a Model,
}

impl Reader<'_> {
    fn value(&self, shape: &str, path: &str, tree: &Tree) -> Result<Value, Refusal> {
        match self.model.shape(shape) {
            Shape::Structure { members, required } => self.structure(members, required, path, tree),
            Shape::List { list, item: _ } => self.list(list, path, tree),
            Shape::Scalar(scalar) => {
                if let Some(name) = tree.below.keys().next() {
                    return Err(unknown(format!("parameter {path}.{name}: {path} is a single value")));
                }
                read_scalar(scalar, path, tree.value.as_deref().unwrap_or_default())
            }
        }
    }

    fn structure(
        &self,
        members: &BTreeMap<String, Member>,
        required: &[String],
        path: &str,
        tree: &Tree,
    ) -> Result<Value, Refusal> {
        if tree.value.is_some() {
            return Err(unknown(format!("parameter {path} is a structure and has a value")));
        }
        let mut read = Map::new();
        for (name, below) in &tree.below {
            let path = join(path, name);
            let known = members.iter().find(|(_, Member(_, query, _))| query == name);
            let (member, Member(shape, ..)) =
                known.ok_or_else(|| unknown(format!("parameter {path} is not in the model")))?;
            read.insert(member.clone(), self.value(shape, &path, below)?);
        }
        match required.iter().find(|name| !read.contains_key(*name)) {
            Some(name) => Err(missing_parameter(&join(path, &members[name].1))),
            None => Ok(Value::Object(read)),
        }
    }

    fn list(&self, entry: &str, path: &str, tree: &Tree) -> Result<Value, Refusal> {
        if let Some(value) = &tree.value {
            return Err(unknown(format!("parameter {path}={value}: a list has numbers, such as {path}.1")));
        }
        let mut entries = BTreeMap::new();
        for (number, below) in &tree.below {
            let path = join(path, number);
            let number: usize = number
                .parse()
                .map_err(|_| unknown(format!("parameter {path}: {number} is not the number of an entry")))?;
            entries.insert(number, self.value(entry, &path, below)?);
        }
        if entries.keys().copied().ne(1..=entries.len()) {
            return Err(unknown(format!("the entries of {path} are not numbered from 1 without gaps")));
        }
        if entries.len() > ENTRIES_MAX {
            return Err(refused(
                "InvalidParameterValue",
                format!("{path} has more than {ENTRIES_MAX} entries"),
            ));
        }
        Ok(entries.into_values().collect())
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn read_scalar(scalar: &Scalar, path: &str, text: &str) -> Result<Value, Refusal> {
    let Scalar { kind, words, min, max } = scalar;
    match kind {
        ScalarKind::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(invalid_value(text, path, "It is neither true nor false.")),
        },
        ScalarKind::Integer | ScalarKind::Long => {
            let number: i64 = text.parse().map_err(|_| invalid_value(text, path, "It is not an integer."))?;
            let in_bounds = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
            if in_bounds {
                return Ok(number.into());
            }
            let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
            Err(invalid_value(text, path, &format!("Expecting a value from {min} to {max}.")))
        }
        ScalarKind::String => {
            if words.is_empty() || words.iter().any(|word| word == text) {
                Ok(text.into())
            } else {
                Err(invalid_value(text, path, "It is not one of the allowed values."))
            }
        }
        ScalarKind::Double | ScalarKind::Timestamp => Err(unknown(format!("parameter {path}: its type"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ec2;

    fn parsed(call: &str, parameters: &[(&str, &str)]) -> Result<Value, Refusal> {
        let owned: Vec<(String, String)> =
            parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        read(ec2(), &ec2().operations[call].input, &owned).map(Value::Object)
    }

    fn code(result: Result<Value, Refusal>) -> String {
        match result.unwrap_err() {
            Refusal::Aws(error) => error.code,
            Refusal::Unknown(what) => format!("unknown: {what}"),
        }
    }

    #[test]
    fn lists_and_structures_are_read_by_their_names_on_the_wire() {
        let read = parsed(
            "CreateVpc",
            &[
                ("CidrBlock", "10.0.0.0/16"),
                ("TagSpecification.1.ResourceType", "vpc"),
                ("TagSpecification.1.Tag.1.Key", "a"),
                ("TagSpecification.1.Tag.1.Value", ""),
                ("DryRun", "false"),
            ],
        );
        let tags = json!([{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": ""}]}]);
        let expected = json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags, "DryRun": false});
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn member_that_the_model_lacks_is_unknown() {
        assert_eq!(
            code(parsed("CreateVpc", &[("Cidr", "x")])),
            "unknown: parameter Cidr is not in the model"
        );
        assert!(code(parsed("DescribeVpcs", &[("Filter.1.Nam", "x")])).starts_with("unknown: "));
    }

    #[test]
    fn required_member_that_is_missing_is_refused() {
        assert_eq!(code(parsed("DeleteVpc", &[])), "MissingParameter");
    }

    #[test]
    fn lists_are_numbered_from_one_without_gaps() {
        assert!(parsed("DescribeVpcs", &[("VpcId.1", "a"), ("VpcId.2", "b")]).is_ok());
        for name in ["VpcId.0", "VpcId.2", "VpcId.x", "VpcId"] {
            assert!(code(parsed("DescribeVpcs", &[(name, "a")])).starts_with("unknown: "), "{name}");
        }
    }

    #[test]
    fn bounds_and_words_of_the_model_are_held() {
        for number in ["4", "1001", "x"] {
            assert_eq!(code(parsed("DescribeVpcs", &[("MaxResults", number)])), "InvalidParameterValue");
        }
        assert_eq!(parsed("DescribeVpcs", &[("MaxResults", "5")]), Ok(json!({"MaxResults": 5})));
        assert_eq!(code(parsed("CreateVpc", &[("InstanceTenancy", "mine")])), "InvalidParameterValue");
        assert_eq!(code(parsed("CreateVpc", &[("DryRun", "1")])), "InvalidParameterValue");
    }

    #[test]
    fn parameter_that_is_there_twice_is_unknown() {
        assert!(
            code(parsed("CreateVpc", &[("CidrBlock", "a"), ("CidrBlock", "b")])).starts_with("unknown: ")
        );
    }
}
