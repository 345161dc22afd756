//! The accounts of this machine that own files, and the remedies for files of another account.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::local::Account;

/// Returns the topmost file or folder on the way to `path` that belongs to another account, and its name. If this account
/// owns no folder above it, only files and folders from `base` down count.
pub fn other_owner(path: &Path, base: &Path) -> Option<(PathBuf, String)> {
    let owner_of = |one: &Path| fs::symlink_metadata(one).ok().map(|about| about.uid());
    let own = rustix::process::geteuid().as_raw();
    let (path, owner) = foreign_part(path, base, own, owner_of)?;
    Some((path.to_owned(), account_name(owner)))
}

/// Returns the command line with which this account takes over a file or folder with everything in it.
pub fn take_over(path: &Path) -> String {
    let path = path.display().to_string();
    // Only a text with a NUL cannot be quoted, and no path has one.
    let quoted = shlex::try_quote(&path).unwrap_or_default();
    format!("`sudo chown -R \"$USER\" {quoted}`")
}

/// Returns the remedy for a file of Docker's configuration that cannot be read.
pub(crate) fn unreadable_hint(path: &Path, error: &io::Error) -> String {
    let owner = match error.kind() {
        io::ErrorKind::PermissionDenied => other_owner(path, path.parent().unwrap_or(path)),
        _ => None,
    };
    hint_of(path, error, owner)
}

fn hint_of(path: &Path, error: &io::Error, owner: Option<(PathBuf, String)>) -> String {
    match owner {
        Some((part, owner)) => format!(
            "{} belongs to {owner}: if docker was run with sudo, take it over: {}",
            part.display(),
            take_over(&part)
        ),
        None if error.kind() == io::ErrorKind::IsADirectory => {
            format!("{} is a folder where Docker keeps a file: move it away", path.display())
        }
        None => format!("let this account read {}: `ls -ld` shows its mode", path.display()),
    }
}

/// Goes from `path` up to the first folder of account `own`, which is usually the home folder. The owner of a file in an
/// unreadable folder is unknown.
fn foreign_part<'a>(
    path: &'a Path,
    base: &Path,
    own: u32,
    owner_of: impl Fn(&Path) -> Option<u32>,
) -> Option<(&'a Path, u32)> {
    let mut foreign = Vec::new();
    for one in path.ancestors() {
        match owner_of(one) {
            Some(owner) if owner == own => return foreign.pop(),
            Some(owner) => foreign.push((one, owner)),
            None => {}
        }
    }
    foreign.into_iter().rev().find(|(one, _)| one.starts_with(base))
}

/// Returns the name of an account of this machine, or its user ID if `/etc/passwd` has no name for it that fits a mark.
pub fn account_name(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    });
    named.filter(|name| Account::accepts_name(name)).unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topmost_part_of_another_account_is_named() {
        const ADA: u32 = 1000;
        let base = Path::new("/home/ada/.local/state/devplat");
        let path = base.join("devplat/decisions.json");
        let found = |owners: &[(&str, u32)]| {
            let owner_of =
                |one: &Path| owners.iter().find(|(path, _)| Path::new(path) == one).map(|(_, owner)| *owner);
            foreign_part(&path, base, ADA, owner_of).map(|(part, owner)| (part.to_owned(), owner))
        };
        let of = |path: &str| Some((PathBuf::from(path), 0));
        let (root, home, local) = (("/", 0), ("/home/ada", ADA), "/home/ada/.local");
        // An unreadable folder hides the owners of the files below it.
        assert_eq!(found(&[root, ("/home", 0), home, (local, 0)]), of(local));
        let (state, devplat) = ("/home/ada/.local/state", "/home/ada/.local/state/devplat");
        let platform = "/home/ada/.local/state/devplat/devplat";
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, 0), (platform, 0)]), of(devplat));
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, ADA), (platform, 0)]), of(platform));
        assert_eq!(found(&[home, (local, ADA), (state, ADA), (devplat, ADA), (platform, ADA)]), None);
        // A home folder of another account, as in a container.
        let all = [root, ("/home", 0), ("/home/ada", 0), (local, 0), (state, 0), (devplat, 0)];
        assert_eq!(found(&all), of(devplat));
        assert_eq!(found(&[root, ("/home", 0), ("/home/ada", 0)]), None);
    }

    #[test]
    fn unreadable_file_is_taken_over_from_its_owner() {
        let (path, denied) =
            (Path::new("/home/ada/.docker/config.json"), io::ErrorKind::PermissionDenied.into());
        let folder = PathBuf::from("/home/ada/.docker");
        assert_eq!(
            hint_of(path, &denied, Some((folder, "root".to_owned()))),
            "/home/ada/.docker belongs to root: if docker was run with sudo, take it over: \
             `sudo chown -R \"$USER\" /home/ada/.docker`"
        );
        assert_eq!(
            hint_of(path, &denied, None),
            "let this account read /home/ada/.docker/config.json: `ls -ld` shows its mode"
        );
        assert_eq!(take_over(Path::new("/two words")), "`sudo chown -R \"$USER\" '/two words'`");
    }

    #[test]
    fn accounts_in_the_password_file_are_named() {
        assert_eq!(account_name(0), "root");
        assert_eq!(account_name(4_000_000_000), "uid 4000000000");
    }
}
