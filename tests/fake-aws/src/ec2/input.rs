//! The members of a call.

use serde_json::Value;

use crate::{
    refusal::{Refusal, missing_parameter, unknown},
    state::thing::Members,
};

/// The members of a call, of the types that the model has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a>(pub(crate) &'a Members);

impl<'a> Input<'a> {
    pub(crate) fn get(self, member: &str) -> Option<&'a Value> {
        self.0.get(member)
    }

    pub(crate) fn has(self, member: &str) -> bool {
        self.0.contains_key(member)
    }

    pub(crate) fn text(self, member: &str) -> Option<&'a str> {
        self.get(member).and_then(Value::as_str)
    }

    /// Returns a text that AWS needs in this call, though the model does not require it.
    pub(crate) fn need(self, member: &str) -> Result<&'a str, Refusal> {
        self.text(member).filter(|text| !text.is_empty()).ok_or_else(|| missing_parameter(member))
    }

    pub(crate) fn flag(self, member: &str) -> bool {
        self.get(member) == Some(&Value::Bool(true))
    }

    pub(crate) fn list(self, member: &str) -> &'a [Value] {
        self.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn texts(self, member: &str) -> Vec<&'a str> {
        self.list(member).iter().filter_map(Value::as_str).collect()
    }

    /// Returns the structures of a list.
    pub(crate) fn structures(self, member: &str) -> impl Iterator<Item = Input<'a>> {
        self.list(member).iter().filter_map(Value::as_object).map(Input)
    }

    pub(crate) fn structure(self, member: &str) -> Option<Input<'a>> {
        self.get(member).and_then(Value::as_object).map(Input)
    }

    /// Fails on a member that the caller does not read: AWS would act on it, and the fake would not.
    pub(crate) fn only(self, of: &str, reads: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|member| !reads.contains(&member.as_str())) {
            Some(member) => Err(unknown(format!("{of} with {member}"))),
            None => Ok(()),
        }
    }
}
