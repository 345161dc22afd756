//! From facts to text. Pure: the time, the width and whether there are colours are given, and nothing is printed.

mod access;
mod age;
mod describe;
mod flavors;
mod homes;
mod kubeconfig;
mod me;
mod servers;
mod status;
mod table;

pub(crate) use access::{Access, Right};
pub(crate) use describe::Described;
pub(crate) use flavors::Flavors;
pub(crate) use homes::Homes;
pub(crate) use kubeconfig::{Entrance, token_end};
pub(crate) use me::Me;
pub(crate) use servers::Servers;
pub(crate) use status::Status;
pub(crate) use table::{plain as one_line, wrapped};

use clap::ValueEnum;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// In which form something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people, with more columns
    Wide,
    /// For programs
    Json,
    /// For programs and people
    Yaml,
    /// Names only, one a line
    Name,
}

/// For whom a text is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Columns of the terminal; nothing where lines may be as long as they want.
    pub(crate) width: Option<usize>,
    /// Whether there are colours.
    pub(crate) colours: bool,
    /// The time that ages are counted to.
    pub(crate) now: Timestamp,
}

/// What can be shown in every format.
pub(crate) trait Show {
    /// For people.
    fn table(&self, wide: bool, look: &Look) -> String;
    /// For programs.
    fn value(&self) -> Value;
    /// The names in it.
    fn names(&self) -> Vec<String>;
}

/// The text of `what`.
pub(crate) fn text(what: &impl Show, format: Format, look: &Look) -> String {
    match format {
        Format::Table => what.table(false, look),
        Format::Wide => what.table(true, look),
        Format::Json => serde_json::to_string_pretty(&what.value()).expect("a value is JSON"),
        Format::Yaml => yaml(&what.value()),
        Format::Name => what.names().join("\n"),
    }
}

/// A value as YAML.
fn yaml(value: &Value) -> String {
    serde_saphyr::to_string(value).expect("a value is YAML").trim_end().to_owned()
}

/// Objects as `kubectl` prints them.
fn list(items: &[Value]) -> Value {
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items})
}
