//! What devplat says to an API server: releases, contexts and the proof. It never prints, never starts a
//! process and never reads the environment.

pub mod call;
pub mod context;
pub mod object;
pub mod proof;
pub mod release;
pub mod waiting;

pub use call::Error;
pub use object::ObjectRef;
pub use waiting::Waiting;
