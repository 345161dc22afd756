//! The wire: parameters of a form to values by the model, and values to XML by the model. Both fail on what the model
//! does not have.

pub(crate) mod form;
pub(crate) mod xml;
