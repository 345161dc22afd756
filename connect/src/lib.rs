//! Clients of API servers from kubeconfigs: files, proxies, certificates and logins, as kubectl has them. This crate does
//! not read the environment and does not start programs: the caller passes proxies, plugins and clock in.

mod certificate;
mod client;
mod clock;
mod connection;
mod credential;
mod entry;
mod error;
mod files;
mod in_flight;
pub mod kubeconfig;
mod plugin;
mod plugin_error;
mod proxies;
mod service;
#[cfg(test)]
mod tests;

pub use certificate::certificate_end;
pub use client::{Setup, client};
pub use clock::Clock;
pub use connection::{ConnectionCause, ConnectionError, NoAnswer, SILENCE};
pub use credential::{ClientCertificate, CredentialError, Token, TokenSource};
pub use entry::{Entry, EntryError};
pub use error::ConnectError;
pub use files::KubeconfigFiles;
pub use plugin::{NoPlugins, PluginCall, Plugins};
pub use plugin_error::PluginError;
pub use proxies::{Exception, Proxy, ProxyRules};
