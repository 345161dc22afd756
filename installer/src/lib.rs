//! The installer.
