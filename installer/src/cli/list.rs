//! `devplat list`: lists the platforms that this account knows or that the Docker engine of this machine has. Changes
//! nothing.

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use super::flags::OutputArgs;
use crate::{
    failure::Failure,
    host::Host,
    request::{KnownPlatform, KnownPlatforms, Memory, platforms},
};

const EXAMPLES: &str = "\
Examples:
  devplat list
  devplat list --output json | jq --raw-output '.platforms[].name'

It reads the state folder of this account and the marks in the Docker engine of this machine. Of the
platforms in existing clusters it lists those that this account remembers; `devplat status --name
NAME` searches the contexts of your kubeconfig.";

/// List the platforms that are known here. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListPlatforms {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedPlatform {
    name: String,
    /// The profile of the last `up`; missing if this account does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    /// The place of its cluster, for people.
    place: String,
    /// The context of an existing cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    /// When a run of this account last took a step of an `up` or a `destroy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_change: Option<Timestamp>,
    /// Whether this account remembers it.
    known: bool,
    /// Why its memory cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedPlatforms {
    platforms: Vec<ListedPlatform>,
    /// Why the Docker engine was not searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_searched: Option<String>,
}

pub(super) async fn run(_: &ListPlatforms, host: &Host) -> Result<(), Failure> {
    let KnownPlatforms { all, unasked } = platforms(host).await?;
    let unreadable: Vec<Failure> = all.iter().filter_map(unreadable).cloned().collect();
    let platforms: Vec<ListedPlatform> = all.into_iter().map(listed).collect();
    let not_searched = unasked.map(|failure| failure.one_line());
    if host.ui.is_json() {
        host.ui.document(&ListedPlatforms { platforms, not_searched });
        return Ok(());
    }
    if let Some(why) = not_searched {
        host.ui.remark(&format!("not searched: {why}"));
    }
    for failure in unreadable {
        host.ui.remark(&failure.one_line_with_hints());
    }
    host.ui.say(&show(&platforms));
    Ok(())
}

fn listed(platform: KnownPlatform) -> ListedPlatform {
    let place = platform.place();
    let unreadable = unreadable(&platform).map(Failure::one_line);
    let KnownPlatform { name, memory, since, marked: _ } = platform;
    let (known, profile, context) = match memory {
        Memory::Decisions(decisions) => (true, decisions.profile, decisions.context),
        Memory::Unreadable(_) => (true, None, None),
        Memory::Nothing => (false, None, None),
    };
    ListedPlatform { name, profile, place, context, last_change: since, known, unreadable }
}

fn unreadable(platform: &KnownPlatform) -> Option<&Failure> {
    match &platform.memory {
        Memory::Unreadable(why) => Some(why),
        Memory::Decisions(_) | Memory::Nothing => None,
    }
}

fn show(platforms: &[ListedPlatform]) -> String {
    if platforms.is_empty() {
        return "no platform is known here; `devplat up --profile k3d` creates one".to_owned();
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(["NAME", "PROFILE", "CLUSTER", "LAST CHANGE"]);
    for ListedPlatform { name, profile, place, context: _, last_change, known, unreadable } in platforms {
        let profile = match profile {
            Some(profile) => profile.clone(),
            None if unreadable.is_some() => "unreadable".to_owned(),
            // A run that ended before it knew its profile.
            None if *known => "none yet".to_owned(),
            None => "not known to this account".to_owned(),
        };
        let last =
            last_change.map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string());
        table.add_row([name.clone(), profile, place.clone(), last]);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn platform_without_a_state_folder_is_listed_as_such() {
        let lost =
            KnownPlatform { name: "lost".to_owned(), memory: Memory::Nothing, since: None, marked: true };
        let shown = show(&[listed(lost)]);
        let row: Vec<&str> = shown.lines().last().unwrap().split_whitespace().collect();
        assert_eq!(row.join(" "), "lost not known to this account Docker engine of this machine");
        assert!(show(&[]).contains("no platform is known here"));
    }

    #[test]
    fn platform_whose_run_ended_before_it_knew_its_profile_has_none_yet() {
        let memory = Memory::Decisions(Box::default());
        let begun = KnownPlatform { name: "begun".to_owned(), memory, since: None, marked: false };
        assert!(show(&[listed(begun)]).contains("none yet"));
    }

    #[test]
    fn unreadable_memory_is_reported_with_causes_and_remedies() {
        let failure = Failure::new(Exit::Usage, "is a folder").while_doing("cannot read a").hint("delete it");
        assert_eq!(failure.one_line_with_hints(), "cannot read a: is a folder; delete it");
    }
}
