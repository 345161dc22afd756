//! The installer `devplat`: turns a machine or a cluster into a platform where developers get dev servers, and deletes
//! it again. ARCHITECTURE.md has a map of these modules.

pub mod apply;
pub mod check;
pub mod cli;
pub mod command_line;
pub mod failure;
pub mod host;
pub mod journal;
pub mod long_wait;
pub mod observe;
pub mod planning;
pub mod platform;
pub mod platform_context;
pub mod plugins;
pub mod request;
pub mod resource;
pub mod signals;
pub mod state;
pub mod stdin;
pub mod text_file;
pub mod tools;
pub mod ui;
