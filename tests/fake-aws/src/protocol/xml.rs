//! Answers: values with the member names of the model to XML. A value that the model does not have is a mistake of the
//! fake, so it panics.

use http::StatusCode;
use quick_xml::escape::escape;
use serde_json::{Map, Value};

use crate::{
    model::{Member, Model, Operation, Scalar, ScalarKind, Shape},
    refusal::AwsError,
};

/// The two forms of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// EC2's: the members are in the root.
    Ec2,
    /// The other query services': the members are in an element of their own.
    Query,
}

/// Returns the body of an answer to `call`. A call without an output in the model answers `return` as EC2 does.
pub(crate) fn answer(
    model: &Model,
    dialect: Dialect,
    call: &str,
    members: &Map<String, Value>,
    request_id: &str,
) -> String {
    let Operation { input: _, output, wrapper, filters: _ } = &model.operations[call];
    let mut inside = String::new();
    match output {
        Some(output) => write_value(model, output, &Value::Object(members.clone()), call, &mut inside),
        None => {
            assert!(members.is_empty(), "{call} has no output in the model");
            inside.push_str("<return>true</return>");
        }
    }
    let namespace = &model.namespace;
    let inside = match (dialect, wrapper) {
        (Dialect::Ec2, _) => format!("<requestId>{request_id}</requestId>{inside}"),
        (Dialect::Query, Some(wrapper)) => format!(
            "<{wrapper}>{inside}</{wrapper}><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        ),
        (Dialect::Query, None) => {
            format!("<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        }
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{call}Response xmlns=\"{namespace}\">{inside}</{call}Response>"
    )
}

/// Returns the body of an error.
pub(crate) fn error(model: &Model, dialect: Dialect, error: &AwsError, request_id: &str) -> String {
    let AwsError { code, message, status } = error;
    let (code, message) = (escape(code.as_str()), escape(message.as_str()));
    let inside = format!("<Code>{code}</Code><Message>{message}</Message>");
    let body = match dialect {
        Dialect::Ec2 => format!(
            "<Response><Errors><Error>{inside}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        ),
        Dialect::Query => {
            let kind = if *status >= StatusCode::INTERNAL_SERVER_ERROR { "Receiver" } else { "Sender" };
            format!(
                "<ErrorResponse xmlns=\"{}\"><Error><Type>{kind}</Type>{inside}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                model.namespace
            )
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}")
}

fn within(element: &str, out: &mut String, write: impl FnOnce(&mut String)) {
    out.extend(["<", element, ">"]);
    write(out);
    out.extend(["</", element, ">"]);
}

/// Writes what is inside of the element of a value.
fn write_value(model: &Model, shape: &str, value: &Value, path: &str, out: &mut String) {
    match (model.shape(shape), value) {
        (Shape::Structure { members, required: _ }, Value::Object(values)) => {
            for (name, value) in values {
                let Some(Member(shape, _, element)) = members.get(name) else {
                    panic!("the model has no member {name} in {shape}, at {path}")
                };
                // A member without a value is left out, as AWS does.
                if !value.is_null() {
                    let path = format!("{path}.{name}");
                    within(element, out, |out| write_value(model, shape, value, &path, out));
                }
            }
        }
        (Shape::List { list, item }, Value::Array(entries)) => {
            for entry in entries {
                within(item, out, |out| write_value(model, list, entry, path, out));
            }
        }
        (Shape::Scalar(Scalar { kind, words, min: _, max: _ }), value) => {
            let text = match (kind, value) {
                (ScalarKind::Boolean, Value::Bool(value)) => value.to_string(),
                (ScalarKind::Integer | ScalarKind::Long | ScalarKind::Double, Value::Number(number)) => {
                    number.to_string()
                }
                (ScalarKind::String | ScalarKind::Timestamp, Value::String(text)) => text.clone(),
                (_, other) => panic!("{path} is a {kind:?} in the model, not {other}"),
            };
            // EC2 writes some words in another case than the model has them, such as the state of an endpoint.
            let known = words.is_empty() || words.iter().any(|word| word.eq_ignore_ascii_case(&text));
            assert!(known, "the model does not allow {text:?} at {path}");
            out.push_str(&escape(text.as_str()));
        }
        (Shape::Structure { .. } | Shape::List { .. }, other) => panic!("{path} is a {shape}, not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{ec2, sts};

    fn ec2_answer(call: &str, members: &Value) -> String {
        answer(ec2(), Dialect::Ec2, call, members.as_object().unwrap(), "r1")
    }

    #[test]
    fn answer_has_the_elements_of_the_model() {
        let members =
            json!({"Vpcs": [{"VpcId": "vpc-1", "IsDefault": false, "Tags": [{"Key": "a", "Value": "<&>"}]}]});
        assert_eq!(
            ec2_answer("DescribeVpcs", &members),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\"><requestId>r1</requestId>\
             <vpcSet><item><isDefault>false</isDefault><tagSet><item><key>a</key><value>&lt;&amp;&gt;</value></item>\
             </tagSet><vpcId>vpc-1</vpcId></item></vpcSet></DescribeVpcsResponse>"
        );
    }

    #[test]
    fn call_without_an_output_answers_return() {
        assert!(ec2_answer("DeleteVpc", &json!({})).contains("<return>true</return>"));
    }

    #[test]
    fn sts_answers_in_an_element_of_its_own() {
        let members = json!({"Account": "111122223333"});
        let text = answer(sts(), Dialect::Query, "GetCallerIdentity", members.as_object().unwrap(), "r1");
        assert!(text.contains(
            "<GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata>"
        ));
    }

    #[test]
    fn errors_differ_between_the_services() {
        let one =
            AwsError { code: "A".to_owned(), message: "<b>".to_owned(), status: StatusCode::BAD_REQUEST };
        assert!(error(ec2(), Dialect::Ec2, &one, "r1").contains(
            "<Response><Errors><Error><Code>A</Code><Message>&lt;b&gt;</Message></Error></Errors><RequestID>r1"
        ));
        assert!(
            error(sts(), Dialect::Query, &one, "r1").contains("<Error><Type>Sender</Type><Code>A</Code>")
        );
    }

    #[test]
    #[should_panic(expected = "the model has no member Colour in Vpc, at")]
    fn member_that_the_model_lacks_is_not_written() {
        ec2_answer("DescribeVpcs", &json!({"Vpcs": [{"Colour": "red"}]}));
    }

    #[test]
    #[should_panic(expected = "the model does not allow \"gone\"")]
    fn word_that_the_model_lacks_is_not_written() {
        ec2_answer("DescribeVpcs", &json!({"Vpcs": [{"State": "gone"}]}));
    }
}
