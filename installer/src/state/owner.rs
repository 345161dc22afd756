//! The accounts of this machine that own files.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use devplat_tool::local::Account;

/// Returns the topmost file or folder on the way to `path` that belongs to another account, and its name. If this account
/// owns no folder above it, only files and folders from `base` down count.
pub(super) fn other_owner(path: &Path, base: &Path) -> Option<(PathBuf, String)> {
    let owner_of = |one: &Path| fs::symlink_metadata(one).ok().map(|about| about.uid());
    let own = rustix::process::geteuid().as_raw();
    let (path, owner) = foreign_part(path, base, own, owner_of)?;
    Some((path.to_owned(), account_name(owner)))
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
    fn accounts_in_the_password_file_are_named() {
        assert_eq!(account_name(0), "root");
        assert_eq!(account_name(4_000_000_000), "uid 4000000000");
    }
}
