//! The profile of a run, with its layers joined.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use devplat_profile::{Loaded, ProfileFile, Sources, VariableMistakes, load};

use super::{
    Asked, Purpose,
    refusal::{DEFAULT, LONGEST, base, refused, unreadable},
};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::Decisions,
};

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
        Purpose::Change => VariableMistakes::Refuse,
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

/// Loads the profile `named` and joins its layers, for verbs about a profile, which have no platform.
pub fn load_profile(named: &str, asked: &Asked, host: &Host) -> Result<Loaded, Failure> {
    let nothing = Decisions::default();
    let source = read(named, base(asked, &nothing), host)?;
    join(&source, asked, &nothing, VariableMistakes::Refuse, host)
}

/// Joins the layers. Remembered values count only with a remembered profile.
fn join(
    source: &Source,
    asked: &Asked,
    before: &Decisions,
    variable_mistakes: VariableMistakes,
    host: &Host,
) -> Result<Loaded, Failure> {
    let nothing = Decisions::default();
    let remembered = if asked.profile.is_some() { &nothing } else { before };
    let mut sources = Sources {
        shipped: None,
        file: None,
        same_named_file: false,
        variables: host.profile_variables()?,
        variable_mistakes,
        remembered_sets: remembered.set.clone(),
        remembered_variables: remembered.variables.clone().into_iter().collect(),
        sets: asked.set.clone(),
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
    load(&sources).map_err(|mistakes| refused(&mistakes, asked, before, host))
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
    let text = bytes_of(&path, host)?.map_err(|error| unreadable(named, &error, base))?;
    let text = utf_8(text, named)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let again = path.is_file() && can_be_read_again(&path);
    let from = if again { ReadFrom::File(path) } else { pipe() };
    Ok(Source::File { name: named.to_owned(), from, text })
}

/// Reads a file. The other end of a pipe can keep a read waiting, so a request to stop ends it.
fn bytes_of(path: &Path, host: &Host) -> Result<io::Result<Vec<u8>>, Failure> {
    let path = path.to_owned();
    host.read_until_stopped(move || bounded(&path))
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn utf_8(text: Vec<u8>, named: &str) -> Result<String, Failure> {
    String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Exit::Usage, format!("profile {named} is not UTF-8 (at byte {at})"))
            .hint("save the file as UTF-8")
    })
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
    match bytes_of(&path, host)? {
        Ok(text) => {
            let text = utf_8(text, known)?;
            Ok(Source::File { name: known.to_owned(), from: ReadFrom::File(path), text })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
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
    fn profile_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.yaml");
        let file = File::create(&path).unwrap();
        file.set_len(LONGEST).unwrap();
        assert_eq!(bounded(&path).unwrap().len() as u64, LONGEST);
        file.set_len(LONGEST + 1).unwrap();
        let failure = unreadable("mine.yaml", &bounded(&path).unwrap_err(), DEFAULT);
        assert_eq!(failure.message, "cannot read profile mine.yaml: it is longer than 16 MiB");
    }
}
