//! A run by sudo with the home folder of the user that called it, as `sudo -E` does.

use std::os::unix::fs::MetadataExt;

use devplat_tool::owner::account_name;

use crate::host::Host;

/// Prints a remark if sudo runs devplat with a home folder of another account, because that account cannot use the files
/// of the run.
pub(super) fn remark(host: &Host) {
    let (Some(caller), Some(home)) = (host.surroundings.text("SUDO_USER"), &host.surroundings.home) else {
        return;
    };
    // Without a home folder, the run creates no file in it, or fails with the reason.
    let Ok(owner) = std::fs::metadata(home).map(|about| about.uid()) else { return };
    let account = &host.account;
    if owner == account.uid {
        return;
    }
    let (home, owner) = (home.display(), account_name(owner));
    host.ui.remark(&format!(
        "sudo runs devplat for {caller} as {}, in the home folder {home} of {owner}: the files of this run belong to {0}, so {owner} cannot use them; run devplat without sudo, as a member of the group docker",
        account.name
    ));
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use devplat_kubernetes::connect::NoPlugins;
    use devplat_tool::{Surroundings, local::Account};

    use super::*;
    use crate::{platform_context::Stop, stdin::Input, ui::Ui};

    /// Returns the remark on a run by account `uid` with these variables and this home folder.
    fn said(uid: u32, variables: &[(&str, &str)], home: &Path) -> String {
        let host = Host {
            surroundings: Surroundings::new(variables.iter().copied(), Some(home.to_owned())),
            folder: "/somewhere".into(),
            account: Account { uid, name: "runner".to_owned() },
            stop: Stop::default(),
            now: Arc::new(jiff::Timestamp::now),
            stdin: Input::Process,
            ui: Ui::recording(),
            programs: "/usr/lib/devplat".into(),
            plugins: Arc::new(NoPlugins),
        };
        remark(&host);
        host.ui.transcript().said.join("\n")
    }

    #[test]
    fn sudo_in_a_foreign_home_folder_is_remarked() {
        let home = tempfile::tempdir().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let sudo = [("SUDO_USER", "ada")];
        let other = said(own + 1, &sudo, home.path());
        assert!(other.contains("sudo runs devplat for ada as runner"), "{other}");
        assert!(other.contains("the files of this run belong to runner"), "{other}");
        assert_eq!(said(own, &sudo, home.path()), "", "`sudo -H`, with root's own home folder");
        assert_eq!(said(own + 1, &[], home.path()), "", "a container, without sudo");
        assert_eq!(said(own + 1, &sudo, Path::new("/nowhere/home")), "");
    }
}
