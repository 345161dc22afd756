//! AWS's own description of its calls: members, required ones, allowed words and bounds, and their names in requests and
//! answers. `models/derive.py` cuts it from botocore.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;

/// The description of one service.
#[derive(Debug, Deserialize)]
pub(crate) struct Model {
    /// The value of the parameter `Version`.
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
    /// The release of botocore and the file in it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operation {
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    /// The element around the answer, in the protocol of STS.
    pub(crate) wrapper: Option<String>,
    /// The filters that AWS documents; none for a call without filters.
    #[serde(default)]
    pub(crate) filters: Vec<String>,
}

/// A type of values. The order of the variants decides which of them a description is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Shape {
    Structure {
        members: BTreeMap<String, Member>,
        #[serde(default)]
        required: Vec<String>,
    },
    List {
        list: String,
        /// The element of each entry in an answer.
        item: String,
    },
    Scalar(Scalar),
}

/// A member of a structure: its shape, its name in a request and its element in an answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Member(pub(crate) String, pub(crate) String, pub(crate) String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scalar {
    #[serde(rename = "type")]
    pub(crate) kind: ScalarKind,
    /// The allowed words; none if all texts are allowed.
    #[serde(default, rename = "enum")]
    pub(crate) words: Vec<String>,
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ScalarKind {
    String,
    Boolean,
    Integer,
    Long,
    Double,
    Timestamp,
}

impl Model {
    /// Returns the shape of this name, which another shape of the model has.
    pub(crate) fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).unwrap_or_else(|| panic!("the model has no shape {name}"))
    }
}

fn read(text: &str) -> Model {
    serde_json::from_str(text).expect("a test reads both models")
}

/// Returns the model of EC2.
pub(crate) fn ec2() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| read(include_str!("../../models/ec2.json")))
}

/// Returns the model of STS.
pub(crate) fn sts() -> &'static Model {
    static MODEL: OnceLock<Model> = OnceLock::new();
    MODEL.get_or_init(|| read(include_str!("../../models/sts.json")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_name_their_source() {
        for model in [ec2(), sts()] {
            assert!(model.source.starts_with("botocore "), "{}", model.source);
        }
    }

    #[test]
    fn every_shape_of_a_model_is_in_it() {
        for model in [ec2(), sts()] {
            for operation in model.operations.values() {
                model.shape(&operation.input);
                operation.output.iter().for_each(|output| {
                    model.shape(output);
                });
            }
            for shape in model.shapes.values() {
                match shape {
                    Shape::Structure { members, required } => {
                        assert!(required.iter().all(|name| members.contains_key(name)));
                        for Member(shape, ..) in members.values() {
                            model.shape(shape);
                        }
                    }
                    Shape::List { list, item: _ } => {
                        model.shape(list);
                    }
                    Shape::Scalar(_) => {}
                }
            }
        }
    }

    #[test]
    fn describe_calls_have_the_filters_that_aws_documents() {
        let filters = &ec2().operations["DescribeNatGateways"].filters;
        assert_eq!(*filters, ["nat-gateway-id", "state", "subnet-id", "tag", "tag-key", "vpc-id"]);
    }
}
