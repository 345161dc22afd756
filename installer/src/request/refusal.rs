//! The failures for profiles that cannot be used, with their remedies.

use devplat_profile::{KeyPath, Mistake, MistakeKind, Mistakes, Place, ProfileProblem, SHIPPED};

use super::Asked;
use crate::{
    command_line::quoted,
    failure::{Exit, Failure},
    host::Host,
    state::{Decisions, Location},
    text_file::NoText,
};

/// The profile for a platform of which nothing is known.
pub(super) const DEFAULT: &str = "kind";
/// The size limit of a profile, and of each file that it or the command line names, in bytes.
pub(super) const LONGEST: u64 = 16 << 20;
/// The hint for a profile that is not a shipped one.
const LIST: &str = "`devplat profiles list` lists the profiles that devplat ships";

/// Returns the failure for mistakes in a profile. If the only one is the name of the profile, it needs neither a place
/// nor the description of every key.
pub(super) fn refused(mistakes: &Mistakes, asked: &Asked, before: &Decisions, host: &Host) -> Failure {
    match mistakes.0.as_slice() {
        [
            Mistake {
                kind: MistakeKind::Profile(problem @ ProfileProblem::Unknown(name)),
                nearest,
                place: _,
            },
        ] => {
            let failure = Failure::of(Exit::Usage, problem);
            if let Some(file) = file_of(name, host) {
                return failure.hint(format!("to use the file {file} here: --profile {}", quoted(&file)));
            }
            let meant = (!nearest.is_empty()).then(|| format!("did you mean {}?", nearest.join(" or ")));
            let base = nearest.first().map_or_else(|| base(asked, before), String::as_str);
            failure.maybe_hint(meant).hint(write_one(base))
        }
        [Mistake { kind: MistakeKind::Profile(problem @ ProfileProblem::IsAFile(_)), .. }] => {
            Failure::of(Exit::Usage, problem).hint(LIST)
        }
        all => Failure::of(Exit::Usage, mistakes)
            .with_hints(without_remembered_values(all, asked))
            .hint("`devplat profiles schema` describes every key"),
    }
}

/// Returns the failure for a profile whose cluster this devplat does not create.
pub(super) fn not_created_yet() -> Failure {
    Failure::new(Exit::Usage, "this devplat does not create clusters in AWS yet")
        .hint("check the AWS account: `devplat doctor --profile eks`")
        .hint("for an EKS cluster that exists already: --profile existing --context CONTEXT")
}

/// Returns the failure for a profile file that cannot be read.
pub(super) fn unreadable(named: &str, error: &NoText, base: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("cannot read profile {named}: {error}"));
    let failure = failure.maybe_hint(error.hint()).hint(LIST);
    match error {
        NoText::Absent => failure.hint(write_one(base)),
        NoText::Folder | NoText::Forbidden | NoText::TooLong(_) | NoText::NotUtf8(_) | NoText::Other(_) => {
            failure
        }
    }
}

/// Returns the shipped profile that fits the platform best, as far as it is known.
pub(super) fn base(asked: &Asked, before: &Decisions) -> &'static str {
    let in_a_cluster = matches!(before.place, Some(Location::Cluster { .. })) || before.context.is_some();
    let shipped = SHIPPED.iter().find(|shipped| before.profile.as_deref() == Some(shipped.name));
    match shipped {
        _ if asked.context.is_some() || in_a_cluster => "existing",
        Some(shipped) => shipped.name,
        None => DEFAULT,
    }
}

/// Returns the hint for a profile that does not exist.
fn write_one(base: &str) -> String {
    format!(
        "to write one, put \"extends: {base}\" and your changes into mine.yaml, then use --profile ./mine.yaml"
    )
}

/// Returns the file in the working folder that has this name and the extension of a profile, as `--profile` takes it.
fn file_of(name: &str, host: &Host) -> Option<String> {
    let files = ["yaml", "yml"].map(|extension| format!("{name}.{extension}"));
    files.into_iter().find(|file| host.folder.join(file).is_file()).map(|file| format!("./{file}"))
}

/// Returns the ways out of mistakes in values that an earlier run remembered: they are not on this command line.
fn without_remembered_values(mistakes: &[Mistake], asked: &Asked) -> Vec<String> {
    let mut hints = Vec::new();
    let mut unset = asked.unset.clone();
    let mut forget = |path: String| {
        if !unset.contains(&path) {
            unset.push(path);
        }
    };
    for Mistake { place, kind, nearest: _ } in mistakes {
        match place {
            Place::RememberedVariable(name) => {
                forget(name.clone());
                // A variable that means nothing has no correct value.
                if !matches!(kind, MistakeKind::Variable(_)) {
                    hints.push(format!("set {name} to a correct value, which replaces the remembered one"));
                }
            }
            Place::RememberedSet(set) => {
                forget(KeyPath::split(set).map_or_else(|| set.clone(), |(path, _)| path.to_owned()));
            }
            Place::File { .. } | Place::Shipped { .. } | Place::Variable(_) | Place::Argument(_) => {}
        }
    }
    if unset != asked.unset {
        let again = Asked { unset, ..asked.clone() }.again("up");
        hints.push(format!("forget the wrong values: `{again}`"));
    }
    hints
}

#[cfg(test)]
mod tests {
    use devplat_profile::{ValueProblem, VariableProblem};

    use super::*;

    fn remembered(profile: &str) -> Decisions {
        Decisions { profile: Some(profile.to_owned()), ..Decisions::default() }
    }

    fn mistake(place: Place, kind: MistakeKind) -> Mistake {
        Mistake { place, kind, nearest: Vec::new() }
    }

    #[test]
    fn base_of_a_new_profile_fits_the_platform() {
        let with_context = Asked { context: Some("there".to_owned()), ..Asked::default() };
        let of_a_cluster = Decisions { context: Some("there".to_owned()), ..remembered("/my.yaml") };
        for (asked, before, expected) in [
            (Asked::default(), Decisions::default(), "kind"),
            (Asked::default(), remembered("k3d"), "k3d"),
            (Asked::default(), remembered("/home/ada/my.yaml"), "kind"),
            (Asked::default(), of_a_cluster, "existing"),
            (with_context, remembered("k3d"), "existing"),
        ] {
            assert_eq!(base(&asked, &before), expected, "{asked:?} {before:?}");
        }
        let absent = unreadable("./mine.yaml", &NoText::Absent, "k3d");
        assert!(absent.hints[1].starts_with("to write one, put \"extends: k3d\""), "{absent:?}");
    }

    #[test]
    fn remembered_values_can_be_replaced_or_forgotten() {
        let value = || {
            let problem = ValueProblem::Integer("many".to_owned());
            MistakeKind::Value { path: "operator.replicas".parse().unwrap(), problem }
        };
        let variable = |name: &str, kind| mistake(Place::RememberedVariable(name.to_owned()), kind);
        let (name, profile) = (Some("team-a".parse().unwrap()), Some("kind".to_owned()));
        let asked = Asked { name, profile, ..Asked::default() };
        let of = |mistakes: &[Mistake]| without_remembered_values(mistakes, &asked);
        let unset = |paths: &str| {
            format!("forget the wrong values: `devplat up --name team-a --profile kind --unset {paths}`")
        };
        assert_eq!(
            of(&[variable("DEVPLAT_OPERATOR_REPLICAS", value())]),
            [
                "set DEVPLAT_OPERATOR_REPLICAS to a correct value, which replaces the remembered one",
                &unset("DEVPLAT_OPERATOR_REPLICAS"),
            ]
        );
        let unknown = || MistakeKind::Variable(VariableProblem::Unknown);
        assert_eq!(of(&[variable("DEVPLAT_GONE", unknown())]), [unset("DEVPLAT_GONE")]);
        let set = || mistake(Place::RememberedSet("operator.replicas=many".to_owned()), value());
        assert_eq!(of(&[set()]), [unset("operator.replicas")]);
        // Each is forgotten once.
        let all = [set(), variable("DEVPLAT_GONE", unknown()), set()];
        assert_eq!(of(&all), [unset("operator.replicas --unset DEVPLAT_GONE")]);
        let now = Place::Variable("DEVPLAT_OPERATOR_REPLICAS".to_owned());
        assert_eq!(of(&[mistake(now, value())]), [""; 0]);
    }
}
