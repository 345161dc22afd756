//! Temporary folders below the system's temporary folder, where builders with fewer rights can reach them. A note names
//! each folder before it is created, so that the next run deletes the folders of a killed run.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use fs4::FileExt;

/// The prefix of all such folders. No folder with another name is ever deleted.
const PREFIX: &str = "devplat-scratch-";

/// A folder that is deleted when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    note: PathBuf,
    /// The note, locked while the folder is in use.
    _file: File,
}

impl Scratch {
    /// Creates a folder with its note in `notes`, and deletes the folders of processes that have ended.
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

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        take_away(&self.folder, &self.note);
    }
}

/// Deletes the folders of processes that have ended. The next run retries those that cannot be deleted now.
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
        // A mount may hold files that are not ours.
        return;
    }
    let gone = !ours || fs::remove_dir_all(folder).is_ok() || !folder.exists();
    if gone {
        // The note may already be absent.
        let _ = fs::remove_file(note);
    }
}

/// Returns whether there is a mount at `folder` or below it. `mounts` has the format of /proc/self/mounts: device,
/// mount point and more, with white space and backslashes in octal.
fn has_mounts(mounts: &str, folder: &Path) -> bool {
    // Escape the backslash first, because the other escapes contain one.
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
    fn mounts_below_a_folder_are_found() {
        let mounts = "proc /proc proc rw 0 0\nsys /tmp/devplat-scratch-a/root/sys sysfs ro 0 0\n";
        assert!(has_mounts(mounts, Path::new("/tmp/devplat-scratch-a")));
        assert!(!has_mounts(mounts, Path::new("/tmp/devplat-scratch-ab")));
        assert!(!has_mounts(mounts, Path::new("/tmp/devplat-scratch")));
    }

    #[test]
    fn mounts_below_a_folder_with_a_space_in_its_name_are_found() {
        let mounts = "sys /tmp/of\\040mine/a\\134b/devplat-scratch-a/sys sysfs ro 0 0\n";
        assert!(has_mounts(mounts, Path::new("/tmp/of mine/a\\b/devplat-scratch-a")));
        assert!(!has_mounts(mounts, Path::new("/tmp/of mine/a\\b/devplat-scratch-b")));
    }

    #[test]
    fn folder_is_deleted_on_drop() {
        let notes = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(notes.path()).unwrap();
        let folder = scratch.path().to_owned();
        assert!(folder.is_dir());
        drop(scratch);
        assert!(!folder.exists());
        assert_eq!(fs::read_dir(notes.path()).unwrap().count(), 0);
    }

    #[test]
    fn folder_of_a_killed_run_is_deleted_by_the_next() {
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
    fn note_with_another_name_deletes_nothing() {
        let notes = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::write(notes.path().join("note"), other.path().as_os_str().as_encoded_bytes()).unwrap();
        let _scratch = Scratch::new(notes.path()).unwrap();
        assert!(other.path().is_dir());
    }
}
