//! Folders for what is only on its way, below the system's temporary folder, where builders with fewer rights reach
//! them too. Each is written down before it is made, so that what a killed run left goes with the next.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use fs4::FileExt;

/// How every such folder is called, so that nothing else is ever deleted.
const PREFIX: &str = "devplat-scratch-";

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    note: PathBuf,
    /// Locked as long as the folder is needed.
    _file: File,
}

impl Scratch {
    /// Makes a folder, with its note in `notes`, and takes away those whose makers are gone.
    pub fn new(notes: &Path) -> io::Result<Self> {
        fs::create_dir_all(notes)?;
        sweep(notes);
        let (mut file, note) = tempfile::Builder::new().prefix(PREFIX).tempfile_in(notes)?.keep()?;
        FileExt::lock(&file)?;
        let folder = std::env::temp_dir().join(note.file_name().unwrap_or_default());
        file.write_all(folder.as_os_str().as_encoded_bytes())?;
        file.sync_data()?;
        let scratch = Self { folder, note, _file: file };
        fs::DirBuilder::new().mode(0o755).create(&scratch.folder)?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        take_away(&self.folder, &self.note);
    }
}

/// What cannot be taken away now is tried again by the next run.
fn sweep(notes: &Path) {
    for note in fs::read_dir(notes).into_iter().flatten().flatten() {
        let note = note.path();
        let Ok(file) = OpenOptions::new().read(true).open(&note) else { continue };
        if FileExt::try_lock(&file).is_err() {
            continue;
        }
        if let Ok(folder) = fs::read_to_string(&note) {
            take_away(Path::new(&folder), &note);
        }
    }
}

fn take_away(folder: &Path, note: &Path) {
    let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
    if ours && has_mounts(&fs::read_to_string("/proc/self/mounts").unwrap_or_default(), folder) {
        // Whatever is mounted there is not ours to empty.
        return;
    }
    let gone = !ours || fs::remove_dir_all(folder).is_ok() || !folder.exists();
    if gone {
        // An absent note is what is wanted.
        let _ = fs::remove_file(note);
    }
}

/// Whether something is mounted at `folder` or below it. `mounts` is as the kernel tells it: device, place, …, with
/// what would end a word or a line in octal.
fn has_mounts(mounts: &str, folder: &Path) -> bool {
    // The backslash first, since the others bring one along.
    let folder = [("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")]
        .iter()
        .fold(folder.to_string_lossy().into_owned(), |name, (sign, octal)| name.replace(sign, octal));
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .any(|place| Path::new(place).starts_with(&folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_folder_are_seen() {
        let mounts = "proc /proc proc rw 0 0\nsys /tmp/devplat-scratch-a/root/sys sysfs ro 0 0\n";
        assert!(has_mounts(mounts, Path::new("/tmp/devplat-scratch-a")));
        assert!(!has_mounts(mounts, Path::new("/tmp/devplat-scratch-ab")));
        assert!(!has_mounts(mounts, Path::new("/tmp/devplat-scratch")));
    }

    #[test]
    fn mounts_below_a_folder_with_a_space_in_its_name_are_seen() {
        let mounts = "sys /tmp/of\\040mine/a\\134b/devplat-scratch-a/sys sysfs ro 0 0\n";
        assert!(has_mounts(mounts, Path::new("/tmp/of mine/a\\b/devplat-scratch-a")));
        assert!(!has_mounts(mounts, Path::new("/tmp/of mine/a\\b/devplat-scratch-b")));
    }

    #[test]
    fn folder_goes_with_its_maker() {
        let notes = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(notes.path()).unwrap();
        let folder = scratch.path().to_owned();
        assert!(folder.is_dir());
        drop(scratch);
        assert!(!folder.exists());
        assert_eq!(fs::read_dir(notes.path()).unwrap().count(), 0);
    }

    #[test]
    fn folder_of_a_killed_maker_goes_with_the_next() {
        let notes = tempfile::tempdir().unwrap();
        let left = std::env::temp_dir().join(format!("{PREFIX}left-{}", std::process::id()));
        fs::create_dir_all(left.join("deep")).unwrap();
        fs::write(notes.path().join("note"), left.as_os_str().as_encoded_bytes()).unwrap();
        let _scratch = Scratch::new(notes.path()).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn folder_in_use_stays() {
        let notes = tempfile::tempdir().unwrap();
        let first = Scratch::new(notes.path()).unwrap();
        let _second = Scratch::new(notes.path()).unwrap();
        assert!(first.path().is_dir());
    }

    #[test]
    fn note_that_names_something_else_deletes_nothing() {
        let notes = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(notes.path().join("note"), other.path().as_os_str().as_encoded_bytes()).unwrap();
        let _scratch = Scratch::new(notes.path()).unwrap();
        assert!(other.path().is_dir());
    }
}
