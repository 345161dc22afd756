//! `devplat profiles`: lists the shipped profiles, shows the values of one with their places, and prints the schema.

use clap::{Args, Subcommand};
use devplat_profile::{SHIPPED, schema};

use super::flags::{Layers, Output};
use crate::{
    failure::Failure,
    host::Host,
    request::{Asked, load_profile},
};

/// List, show and describe profiles.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  devplat profiles                     the shipped profiles\n  devplat profiles show k3d            each value and where it comes from"
)]
pub(super) struct Profiles {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the profiles that devplat ships
    #[command(after_help = "Example:\n  devplat profiles list --output json")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Show every value of a profile, and where it comes from
    Show(Show),
    /// Print the JSON Schema of a profile
    #[command(after_help = "Example:\n  devplat profiles schema > schema.json")]
    Schema,
}

/// The profile to show.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  devplat profiles show k3d\n  devplat profiles show ./mine.yaml --set operator.replicas=1"
)]
struct Show {
    /// Name or file; that of --profile if missing
    #[arg(value_name = "NAME|FILE")]
    name: Option<String>,
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    output: Output,
}

impl Profiles {
    pub(super) fn output(&mut self) -> Option<&mut Output> {
        match &mut self.what {
            None => Some(&mut self.output),
            Some(What::List { output }) => Some(output),
            Some(What::Show(show)) => Some(&mut show.output),
            Some(What::Schema) => None,
        }
    }

    pub(super) fn shared_output(&self) -> Option<&Output> {
        match &self.what {
            None => Some(&self.output),
            Some(What::List { output }) => Some(output),
            Some(What::Show(show)) => Some(&show.output),
            Some(What::Schema) => None,
        }
    }
}

pub(super) fn run(profiles: &Profiles, host: &Host) -> Result<(), Failure> {
    match &profiles.what {
        None | Some(What::List { output: _ }) => list(host),
        Some(What::Show(show)) => return values(show, host),
        Some(What::Schema) => host.ui.document(&schema()),
    }
    Ok(())
}

fn list(host: &Host) {
    if host.ui.is_json() {
        let all = SHIPPED.iter();
        let all = all.map(|one| serde_json::json!({"name": one.name, "description": one.description}));
        return host.ui.document(&all.collect::<Vec<_>>());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["NAME", "WHAT FOR"]);
    for shipped in SHIPPED {
        table.add_row([shipped.name, shipped.description]);
    }
    host.ui.say(&table.to_string());
}

fn values(show: &Show, host: &Host) -> Result<(), Failure> {
    let Show { name, layers, output: _ } = show;
    let name = name.as_ref().or(layers.profile.as_ref()).map_or("kind", String::as_str);
    let asked = Asked { set: layers.set.clone(), ..Asked::default() };
    let loaded = load_profile(name, &asked, host)?;
    if host.ui.is_json() {
        let all = loaded.origins().into_iter().map(|(path, value, place)| {
            serde_json::json!({"path": path, "value": value, "from": place.to_string()})
        });
        host.ui.document(&all.collect::<Vec<_>>());
        return Ok(());
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["VALUE", "IS", "FROM"]);
    for (path, value, place) in loaded.origins() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        table.add_row([path, text, place.to_string()]);
    }
    host.ui.say(&table.to_string());
    Ok(())
}
