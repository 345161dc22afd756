//! `devplat profiles`: lists the shipped profiles, shows the values of one with their places, and prints the schema.

use clap::{ArgMatches, Args, Subcommand};
use devplat_profile::{Loaded, PlatformName, SHIPPED, schema};

use super::flags::{LayerFlags, OutputFormat, given};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    request::{Asked, load_of_platform, load_profile},
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
    after_help = "Examples:\n  devplat profiles show k3d\n  devplat profiles show ./mine.yaml --set operator.replicas=1\n  devplat profiles show --name devplat      with the values that the last `up` remembered"
)]
struct Show {
    /// Name or file; required without --profile and --name
    #[arg(value_name = "NAME|FILE", id = "shown_profile")]
    shown: Option<String>,
    /// Show the profile of this platform, with the values of --set and of variables that it remembers
    #[arg(long, value_name = "NAME", id = "shown_platform")]
    name: Option<PlatformName>,
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

/// Returns the flag that names the profile to show a second time, so that one of the names would be ignored.
pub(super) fn named_twice(matches: &ArgMatches) -> Option<&'static str> {
    let show = matches.subcommand_matches("profiles").and_then(|below| below.subcommand_matches("show"))?;
    let flags = [("profile", "--profile"), ("shown_platform", "--name")];
    let flag = flags.into_iter().find(|(id, _)| given(show, id)).map(|(_, flag)| flag);
    flag.filter(|_| given(show, "shown_profile"))
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

/// Loads the profile that the command line names, or that of the platform that it names.
fn loaded(show: &Show, host: &Host) -> Result<Loaded, Failure> {
    let Show { shown, name, layers, output: _ } = show;
    let set = layers.set.clone();
    if let Some(name) = name {
        let profile = layers.profile.clone();
        let asked = Asked { name: Some(name.clone()), profile, set, ..Asked::default() };
        let unknown = || {
            Failure::new(Exit::Usage, format!("no platform {name} is known here"))
                .hint("`devplat profiles show NAME` shows a profile without a platform")
        };
        return load_of_platform(&asked, host)?.ok_or_else(unknown);
    }
    let named = shown.as_ref().or(layers.profile.as_ref()).ok_or_else(|| {
        Failure::new(Exit::Usage, "`devplat profiles show` needs the name of a profile, or a file")
            .hint("`devplat profiles list` lists the shipped ones; for example: `devplat profiles show k3d`")
            .hint("`devplat profiles show --name devplat` shows that of the platform devplat")
    })?;
    load_profile(named, &Asked { set, ..Asked::default() }, host)
}

fn values(show: &Show, host: &Host) -> Result<(), Failure> {
    let loaded = loaded(show, host)?;
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
    for path in loaded.unset() {
        table.add_row([path, "not set".to_owned(), String::new()]);
    }
    host.ui.say(&table.to_string());
    Ok(())
}
