//! The space of a disk.

use std::path::Path;

/// Returns the per cent of a disk that are free for its users; `None` if there is no such folder here.
pub fn free_percent(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    percent(found.f_bavail, found.f_blocks)
}

fn percent(free: u64, all: u64) -> Option<u64> {
    u64::try_from(u128::from(free) * 100 / u128::from(all).max(1)).ok().filter(|_| all > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_rounded_down_and_unknown_without_a_disk() {
        assert_eq!(percent(499, 10_000), Some(4));
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
        assert_eq!(percent(0, 0), None);
        assert_eq!(free_percent(Path::new("/nowhere/at/all")), None);
    }
}
