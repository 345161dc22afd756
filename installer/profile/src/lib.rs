//! The layered profile.
