//! The memory of AWS: accounts with regions, and in them things with ids, tags and a life. No module here knows a call.

pub(crate) mod account;
pub(crate) mod id;
pub(crate) mod lag;
pub(crate) mod life;
pub(crate) mod place;
pub(crate) mod quota;
pub(crate) mod region;
pub(crate) mod thing;
