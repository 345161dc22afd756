//! Whether what is mounted here is of this machine. A request on a file system of another one may wait for it for good,
//! and is nothing for a task that others wait for.

/// Kinds of file systems that wait for nothing but this machine and its disks. One that is not here counts as remote.
const LOCAL: [&str; 28] = [
    "binfmt_misc",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "xfs",
];

/// Whether all of what is mounted now is local.
pub(super) fn are_local() -> bool {
    std::fs::read_to_string("/proc/self/mountinfo").is_ok_and(|text| all_local(&text))
}

/// Whether all mounts of `text` are, which is as in proc(5).
fn all_local(text: &str) -> bool {
    text.lines().all(|line| {
        let kind = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next());
        kind.is_some_and(|kind| LOCAL.contains(&kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "\
        1 0 0:50 / / rw,relatime master:300 - overlay overlay rw,lowerdir=/a - b\n\
        2 1 0:53 / /proc rw,nosuid - proc proc rw\n\
        3 1 254:0 /home /home/dev rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n";

    #[test]
    fn a_pod_with_a_disk_is_local() {
        assert!(all_local(POD));
    }

    #[test]
    fn one_file_system_of_another_machine_or_of_an_unknown_kind_is_enough() {
        for kind in ["nfs4", "fuse.s3fs", "ceph", "9p", "virtiofs", "autofs", "new"] {
            assert!(!all_local(&format!("{POD}4 1 0:99 / /shared rw - {kind} there:/ rw\n")), "{kind}");
        }
        assert!(!all_local("nonsense"));
    }
}
