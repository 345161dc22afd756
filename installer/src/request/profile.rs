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
pub struct Recalled {
    /// The name of the shipped profile, or the absolute path of the user's file, or `-`.
    pub name: String,
    /// The text of the user's file.
    pub text: Option<String>,
    /// All values of `--set`, remembered ones first.
    pub sets: Vec<String>,
    /// The joined layers.
    pub loaded: Loaded,
}

/// The source of a profile.
enum Source {
    Shipped(String),
    File { name: String, path: Option<PathBuf>, text: String },
}

/// Loads the profile that the command line names, else the one of the last run with its values and variables, else the
/// default one.
pub fn recall(asked: &Asked, before: &Decisions, host: &Host, purpose: Purpose) -> Result<Recalled, Failure> {
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
    let (name, text) = match source {
        Source::Shipped(name) => (name, None),
        Source::File { name, path, text } => {
            (path.map_or(name, |path| path.display().to_string()), Some(text))
        }
    };
    Ok(Recalled { name, text, sets, loaded })
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

/// Loads the profile `named` and joins its layers.
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
        Source::File { name, path, text } => {
            let folder = path.as_deref().and_then(Path::parent).map(Path::to_owned);
            sources.file = Some(ProfileFile { name: name.clone(), folder, text: text.clone() });
        }
    }
    load(&sources).map_err(|mistakes| refused(&mistakes, asked, before, host))
}

/// Reads standard input for `-`, a file by a name with a slash or an extension, and else a shipped profile.
fn read(named: &str, base: &str, host: &Host) -> Result<Source, Failure> {
    if named == "-" {
        let text = host.standard_input(LONGEST)?;
        return Ok(Source::File { name: "standard input".to_owned(), path: None, text });
    }
    if !is_path(named) {
        return Ok(Source::Shipped(named.to_owned()));
    }
    let path = host.folder.join(named);
    let text = bytes_of(&path).map_err(|error| unreadable(named, &error, base))?;
    let text = utf_8(text, named)?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let again = path.is_file() && can_be_read_again(&path);
    Ok(Source::File { name: named.to_owned(), path: again.then_some(path), text })
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
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

/// Reads a remembered profile. If its file is gone, uses the remembered text.
fn recalled(known: &str, base: &str, before: &Decisions, host: &Host) -> Result<Source, Failure> {
    let Some(text) = &before.profile_text else { return read(known, base, host) };
    let path = PathBuf::from(known);
    let remembered = |path| Source::File { name: known.to_owned(), path, text: text.clone() };
    if !can_be_read_again(&path) {
        host.ui.remark(&format!("using the profile that the last `up` read from {known}"));
        return Ok(remembered(None));
    }
    match bytes_of(&path) {
        Ok(text) => Ok(Source::File { name: known.to_owned(), path: Some(path), text: utf_8(text, known)? }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            host.ui.remark(&format!("profile {known} no longer exists: using its text of the last `up`"));
            Ok(remembered(Some(path)))
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
        assert_eq!(bytes_of(&path).unwrap().len() as u64, LONGEST);
        file.set_len(LONGEST + 1).unwrap();
        let failure = unreadable("mine.yaml", &bytes_of(&path).unwrap_err(), DEFAULT);
        assert_eq!(failure.message, "cannot read profile mine.yaml: it is longer than 16 MiB");
    }
}
