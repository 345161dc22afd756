//! The profile of a run, with its layers joined.

use std::{
    mem::take,
    path::{Path, PathBuf},
};

use devplat_profile::{KeyPath, Loaded, ProfileFile, Sources, VariableMistakes, load};

use super::{
    Asked, Purpose, Run,
    refusal::{DEFAULT, LONGEST, base, refused, unreadable},
};
use crate::{command_line::quoted, failure::Failure, host::Host, state::Decisions, text_file::NoText};

/// A given or remembered profile.
pub(super) struct Recalled {
    /// The name of the shipped profile, or the absolute path of the user's file, or the name of a pipe.
    pub(super) name: String,
    /// The text of the user's file.
    pub(super) text: Option<String>,
    /// The folder that relative file names in this text start from, if it came through a pipe.
    pub(super) folder: Option<PathBuf>,
    /// All values of `--set`, remembered ones first.
    pub(super) sets: Vec<String>,
    /// The joined layers.
    pub(super) loaded: Loaded,
}

/// The source of a profile.
enum Source {
    Shipped(String),
    File { name: String, from: ReadFrom, text: String },
}

impl Source {
    /// Returns whether this is the remembered profile: the same shipped one, the same file, or the same text from a pipe.
    fn is_remembered(&self, before: &Decisions) -> bool {
        let is_known = |name: &str| before.profile.as_deref() == Some(name);
        match self {
            Self::Shipped(name) => is_known(name),
            Self::File { name: _, from: ReadFrom::File(path), text: _ } => {
                is_known(&path.display().to_string())
            }
            Self::File { name: _, from: ReadFrom::Pipe(_), text } => {
                before.profile_text.as_ref() == Some(text)
            }
        }
    }
}

/// The place that the text of a profile was read from.
enum ReadFrom {
    /// A file with this absolute path, which later runs can read again.
    File(PathBuf),
    /// Standard input or another pipe. Relative file names in the text start from this folder.
    Pipe(PathBuf),
}

/// Loads the profile that the command line names, else the one of the last run with its values and variables, else the
/// default one.
pub(super) fn recall(
    asked: &Asked,
    before: &Decisions,
    host: &Host,
    purpose: Purpose,
) -> Result<Recalled, Failure> {
    let source = match (&asked.profile, &before.profile) {
        (Some(named), _) => read(named, base(asked, before), host)?,
        (None, Some(known)) => recalled(known, base(asked, before), before, host)?,
        (None, None) => Source::Shipped(DEFAULT.to_owned()),
    };
    let mistakes = match purpose {
        Purpose::Change | Purpose::Plan => VariableMistakes::Refuse,
        Purpose::Look => VariableMistakes::Remark,
    };
    let loaded = join(&source, asked, before, mistakes, host)?;
    let sets = once(&loaded.sets);
    let (name, text, folder) = match source {
        Source::Shipped(name) => (name, None, None),
        Source::File { name: _, from: ReadFrom::File(path), text } => {
            (path.display().to_string(), Some(text), None)
        }
        Source::File { name, from: ReadFrom::Pipe(folder), text } => (name, Some(text), Some(folder)),
    };
    Ok(Recalled { name, text, folder, sets, loaded })
}

/// Keeps only the last of several equal values, so that the remembered ones do not grow with each repetition.
fn once(sets: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for set in sets {
        kept.retain(|known| known != set);
        kept.push(set.clone());
    }
    kept
}

/// Loads the profile of a platform with its remembered values; `None` if the platform remembers none and the command
/// line names none.
pub fn load_of_platform(asked: &Asked, host: &Host) -> Result<Option<Loaded>, Failure> {
    let run = Run::of(asked, host, Purpose::Look)?;
    if run.decisions.profile.is_none() && asked.profile.is_none() {
        return Ok(None);
    }
    Ok(Some(recall(asked, &run.decisions, host, run.purpose)?.loaded))
}

/// Loads the profile `named` and joins its layers, for verbs about a profile, which have no platform.
pub fn load_profile(named: &str, asked: &Asked, host: &Host) -> Result<Loaded, Failure> {
    let nothing = Decisions::default();
    let source = read(named, base(asked, &nothing), host)?;
    join(&source, asked, &nothing, VariableMistakes::Refuse, host)
}

/// Joins the layers. Remembered values count only with the remembered profile, whether the user names it or not: a wrong
/// one is a mistake then. With another profile, a remark lists them.
fn join(
    source: &Source,
    asked: &Asked,
    before: &Decisions,
    variable_mistakes: VariableMistakes,
    host: &Host,
) -> Result<Loaded, Failure> {
    let mut sources = Sources {
        shipped: None,
        file: None,
        same_named_file: false,
        variables: host.profile_variables()?,
        variable_mistakes,
        remembered_sets: before.set.iter().filter(|set| !is_replaced(set, &asked.set)).cloned().collect(),
        remembered_variables: before.variables.clone().into_iter().collect(),
        sets: asked.set.clone(),
        unsets: asked.unset.clone(),
        base_folder: host.folder.clone(),
    };
    match source {
        Source::Shipped(name) => {
            sources.same_named_file = host.folder.join(name).is_file();
            sources.shipped = Some(name.clone());
        }
        Source::File { name, from, text } => {
            let folder = match from {
                ReadFrom::File(path) => path.parent().map(Path::to_owned),
                ReadFrom::Pipe(folder) => Some(folder.clone()),
            };
            sources.file = Some(ProfileFile { name: name.clone(), folder, text: text.clone() });
        }
    }
    let mut remark = None;
    if asked.profile.is_some() && !source.is_remembered(before) {
        let known = before.profile.as_deref().unwrap_or_default();
        remark = forget(&mut sources, known);
    }
    let mut loaded = load(&sources).map_err(|mistakes| refused(&mistakes, asked, before, host))?;
    loaded.remarks.splice(0..0, remark);
    Ok(loaded)
}

/// Returns whether one of these values is for the same key as the remembered `set`, or deletes a key above it.
fn is_replaced(set: &str, given: &[String]) -> bool {
    let parsed = |set: &str| {
        let (path, value) = KeyPath::split(set)?;
        Some((path.parse::<KeyPath>().ok()?, value.trim() == "null"))
    };
    let Some((known, _)) = parsed(set) else { return false };
    let replaces =
        |(path, is_deletion): (KeyPath, bool)| path == known || is_deletion && known.starts_with(&path);
    given.iter().filter_map(|set| parsed(set)).any(replaces)
}

/// Takes the values out that were remembered with the profile `known`. Returns a remark that lists those that this run does
/// not give again.
fn forget(sources: &mut Sources, known: &str) -> Option<String> {
    let (sets, variables) = (take(&mut sources.remembered_sets), take(&mut sources.remembered_variables));
    let is_set = |name: &String| sources.variables.iter().any(|(set, _)| set == name);
    let sets =
        sets.iter().filter(|set| !sources.sets.contains(set)).map(|set| format!("--set {}", quoted(set)));
    let variables = variables.iter().filter(|(name, _)| !is_set(name));
    let variables = variables.map(|(name, value)| format!("{name}={}", quoted(value)));
    let values: Vec<String> = sets.chain(variables).collect();
    (!values.is_empty()).then(|| {
        format!(
            "not using {} of the last `up`, because it had profile {known}: give them again to keep them",
            values.join(", ")
        )
    })
}

/// Reads standard input for `-`, a file by a name with a slash or an extension, and else a shipped profile.
fn read(named: &str, base: &str, host: &Host) -> Result<Source, Failure> {
    let pipe = || ReadFrom::Pipe(host.folder.clone());
    if named == "-" {
        let text = host.standard_input(LONGEST)?;
        return Ok(Source::File { name: "standard input".to_owned(), from: pipe(), text });
    }
    if !is_path(named) {
        return Ok(Source::Shipped(named.to_owned()));
    }
    let path = host.folder.join(named);
    let text = host.text_of(&path, LONGEST)?.map_err(|error| unreadable(named, &error, base))?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let again = path.is_file() && can_be_read_again(&path);
    let from = if again { ReadFrom::File(path) } else { pipe() };
    Ok(Source::File { name: named.to_owned(), from, text })
}

/// Returns whether a path names the same file in a later run, which `<(…)` and `/dev/stdin` do not.
fn can_be_read_again(path: &Path) -> bool {
    path.is_absolute() && !path.starts_with("/dev") && !path.starts_with("/proc")
}

/// Reads a remembered profile. If its file is gone or was a pipe, uses the remembered text.
fn recalled(known: &str, base: &str, before: &Decisions, host: &Host) -> Result<Source, Failure> {
    let Some(text) = &before.profile_text else { return read(known, base, host) };
    let path = PathBuf::from(known);
    let remembered = |from| Source::File { name: known.to_owned(), from, text: text.clone() };
    // Decisions of an older devplat have no folder.
    let older = || (!can_be_read_again(&path)).then(|| host.folder.clone());
    if let Some(folder) = before.profile_folder.clone().or_else(older) {
        host.ui.remark(&format!("using the profile that the last `up` read from {known}"));
        return Ok(remembered(ReadFrom::Pipe(folder)));
    }
    match host.text_of(&path, LONGEST)? {
        Ok(text) => Ok(Source::File { name: known.to_owned(), from: ReadFrom::File(path), text }),
        Err(NoText::Absent) => {
            host.ui.remark(&format!("profile {known} no longer exists: using its text of the last `up`"));
            Ok(remembered(ReadFrom::File(path)))
        }
        Err(error) => Err(unreadable(known, &error, base)),
    }
}

/// Returns whether a profile is named as a file. The names of shipped profiles have neither a slash nor an extension.
fn is_path(named: &str) -> bool {
    named.contains('/') || Path::new(named).extension().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_given_again_replaces_the_remembered_one() {
        let replaced =
            |given: &str| is_replaced(r"users.bob.groups\.x=[a]", &["z=1".to_owned(), given.to_owned()]);
        for given in [r"users.bob.groups\.x=[b]", "users.bob=null"] {
            assert!(replaced(given), "{given}");
        }
        for given in ["users.bob.groups=[b]", "users.bob={generateKey: true}", "users.bobby=null", "nonsense"]
        {
            assert!(!replaced(given), "{given}");
        }
    }
}
