//! `devplat profiles`: lists the shipped profiles, shows the values of one with their places, and prints the schema.

use clap::{ArgMatches, Args, Subcommand};
use devplat_profile::{SHIPPED, schema};

use super::flags::{LayerFlags, OutputFormat, given};
use crate::{
    failure::{Exit, Failure},
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
    what: Option<ProfilesVerb>,
    #[command(flatten)]
    output: OutputFormat,
}

#[derive(Debug, Subcommand)]
enum ProfilesVerb {
    /// List the profiles that devplat ships
    #[command(after_help = "Example:\n  devplat profiles list --output json")]
    List {
        #[command(flatten)]
        output: OutputFormat,
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
    /// Name or file; required without --profile
    #[arg(value_name = "NAME|FILE")]
    name: Option<String>,
    #[command(flatten)]
    layers: LayerFlags,
    #[command(flatten)]
    output: OutputFormat,
}

impl Profiles {
    pub(super) fn output(&mut self) -> Option<&mut OutputFormat> {
        match &mut self.what {
            None => Some(&mut self.output),
            Some(ProfilesVerb::List { output }) => Some(output),
            Some(ProfilesVerb::Show(show)) => Some(&mut show.output),
            Some(ProfilesVerb::Schema) => None,
        }
    }
}

/// Returns whether the command line names the profile to show twice, so that one of the names would be ignored.
pub(super) fn named_twice(matches: &ArgMatches) -> bool {
    let show = matches.subcommand_matches("profiles").and_then(|below| below.subcommand_matches("show"));
    show.is_some_and(|show| given(show, "name") && given(show, "profile"))
}

pub(super) fn run(profiles: &Profiles, host: &Host) -> Result<(), Failure> {
    match &profiles.what {
        None | Some(ProfilesVerb::List { output: _ }) => list(host),
        Some(ProfilesVerb::Show(show)) => return values(show, host),
        Some(ProfilesVerb::Schema) => host.ui.document(&schema()),
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
    let name = name.as_ref().or(layers.profile.as_ref()).ok_or_else(|| {
        Failure::new(Exit::Usage, "`devplat profiles show` needs the name of a profile, or a file")
            .hint("`devplat profiles list` lists the shipped ones; for example: `devplat profiles show k3d`")
    })?;
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
