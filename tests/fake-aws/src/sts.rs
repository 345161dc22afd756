//! The security token service: who the caller is.

use serde_json::{Value, json};

use crate::{
    identity::AccessKey,
    refusal::{Refusal, unknown},
    state::thing::Members,
};

/// Answers a call. Every valid key may make this one.
pub(crate) fn act(call: &str, key: &AccessKey) -> Result<Members, Refusal> {
    if call != "GetCallerIdentity" {
        return Err(unknown(format!("call {call} of sts")));
    }
    let user = format!("AIDA{}", key.id.trim_start_matches("AKIA").trim_start_matches("ASIA"));
    match json!({"Account": key.account, "Arn": key.arn, "UserId": user}) {
        Value::Object(members) => Ok(members),
        other => panic!("not an object: {other}"),
    }
}
