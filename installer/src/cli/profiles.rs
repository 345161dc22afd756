//! `devplat profiles`: which there are, what one comes to and why, what can be written in one.

use clap::Subcommand;
use devplat_profile::{SHIPPED, schema};

use super::{Global, settings};
use crate::{failure::Failure, ui::Ui};

/// What to tell of profiles.
#[derive(Debug, Subcommand)]
pub(super) enum Profiles {
    /// The profiles that devplat brings along
    List,
    /// Every value of a profile, and where it comes from
    Show {
        /// Which; that of --profile where missing
        profile: Option<String>,
    },
    /// The JSON Schema of a profile
    Schema,
}

pub(super) fn run(global: &Global, profiles: &Profiles, ui: &Ui) -> Result<(), Failure> {
    match profiles {
        Profiles::List if ui.is_json() => {
            let all: Vec<_> = SHIPPED
                .iter()
                .map(|shipped| serde_json::json!({"name": shipped.name, "description": shipped.description}))
                .collect();
            ui.document(&all);
        }
        Profiles::List => {
            let mut table = comfy_table::Table::new();
            table.load_style(comfy_table::presets::NOTHING).set_header(["NAME", "WHAT FOR"]);
            for shipped in SHIPPED {
                table.add_row([shipped.name, shipped.description]);
            }
            ui.say(&table.to_string());
        }
        Profiles::Show { profile } => {
            let name = profile.as_ref().or(global.profile.as_ref()).map_or("kind", String::as_str);
            let loaded = settings::profile(global, name)?;
            if ui.is_json() {
                let all: Vec<_> = loaded
                    .origins()
                    .into_iter()
                    .map(|(path, value, place)| {
                        serde_json::json!({"path": path, "value": value, "from": place.to_string()})
                    })
                    .collect();
                ui.document(&all);
            } else {
                let mut table = comfy_table::Table::new();
                table.load_style(comfy_table::presets::NOTHING).set_header(["VALUE", "IS", "FROM"]);
                for (path, value, place) in loaded.origins() {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    table.add_row([path, text, place.to_string()]);
                }
                ui.say(&table.to_string());
            }
        }
        Profiles::Schema => ui.document(&schema()),
    }
    Ok(())
}
