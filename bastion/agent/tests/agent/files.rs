//! Files: sftp, scp either way, rsync, git; also where there is no shell.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    clients::{client, run, text},
    server::{Server, names},
};

fn sftp(server: &Server, batch: &str) -> String {
    text(server.client("sftp").args(["-b", "-", "mydev"]), batch.as_bytes())
}

#[test]
fn sftp_puts_gets_renames_and_syncs() {
    let server = Server::start();
    let home = server.at("home");
    let data: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(server.at("big"), &data).unwrap();
    fs::set_permissions(server.at("big"), fs::Permissions::from_mode(0o640)).unwrap();
    let (big, back) = (server.at("big"), server.at("back"));
    let said = sftp(
        &server,
        &format!(
            "mkdir new\nput -fp {} new/one\nrename new/one new/two\nsymlink two new/link\nln new/two new/hard\n\
             get -p new/two {}\nchmod 600 new/hard\nls -l new\nls -la new\npwd\ndf -h\nrm new/hard\n",
            big.display(),
            back.display()
        ),
    );
    assert!(fs::read(&back).unwrap() == data && fs::read(home.join("new/two")).unwrap() == data);
    assert_eq!(fs::metadata(&back).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(&home.join("new")), ["link", "two"]);
    assert!(said.contains("20000000") && said.contains("-rw-------"), "{said}");
    assert!(said.contains(&format!("Remote working directory: {}", home.display())), "{said}");
    assert!(said.contains("%Capacity"), "{said}");
    // Over what is there, as `mv` would.
    sftp(&server, "rename new/two new/link\n");
    assert_eq!(names(&home.join("new")), ["link"]);
}

#[test]
fn sftp_says_what_is_wrong() {
    let server = Server::start();
    let mut batch = server.client("sftp");
    let output = run(batch.args(["-b", "-", "mydev"]), b"-get nothing\n-rmdir nothing\n-ls nothing\ncd /\n");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.matches("no such file").count() + said.matches("not found").count() >= 3, "{said}");
    assert!(output.status.success());
}

#[test]
fn names_that_are_no_text_are_names() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::start();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(server.at("home").join(name), "latin").unwrap();
    sftp(&server, &format!("get caf* {}/\n", server.at("").display()));
    assert_eq!(fs::read(server.at("").join(name)).unwrap(), b"latin");
}

#[test]
fn folders_of_many_small_files_go_both_ways() {
    let server = Server::start();
    fs::create_dir(server.at("many")).unwrap();
    for number in 0..300 {
        fs::write(server.at(&format!("many/{number}")), number.to_string()).unwrap();
    }
    sftp(
        &server,
        &format!(
            "put -r {} many\nget -r many {}\n",
            server.at("many").display(),
            server.at("again").display()
        ),
    );
    assert_eq!(names(&server.at("many")), names(&server.at("again")));
    assert_eq!(fs::read(server.at("again/299")).unwrap(), b"299");
}

#[test]
fn scp_copies_in_its_new_way_and_in_its_old() {
    let server = Server::start();
    fs::write(server.at("file"), "copied").unwrap();
    for mode in [&[][..], &["-O"]] {
        let there = format!("mydev:there{}", mode.len());
        text(server.client("scp").args(mode).arg(server.at("file")).arg(&there), b"");
        text(server.client("scp").args(mode).arg(&there).arg(server.at("back")), b"");
        assert_eq!(fs::read(server.at("back")).unwrap(), b"copied");
        fs::remove_file(server.at("back")).unwrap();
    }
    assert_eq!(names(&server.at("home")), ["there0", "there1"]);
    let missing = run(server.client("scp").arg("mydev:missing").arg(server.at("back")), b"");
    assert!(!missing.status.success());
}

#[test]
fn rsync_brings_a_tree_and_then_only_what_changed() {
    let server = Server::start();
    fs::create_dir_all(server.at("tree/deep")).unwrap();
    fs::write(server.at("tree/one"), vec![1; 1_000_000]).unwrap();
    fs::write(server.at("tree/deep/two"), "two").unwrap();
    let remote = format!("ssh -F {}", server.at("config-key").display());
    let rsync = || {
        let mut command = client("rsync");
        command.args(["-a", "--delete", "--stats", "-e", &remote]).arg(server.at("tree/"));
        text(command.arg("mydev:tree/"), b"")
    };
    rsync();
    assert_eq!(fs::read(server.at("home/tree/deep/two")).unwrap(), b"two");
    fs::remove_file(server.at("tree/one")).unwrap();
    let said = rsync();
    assert!(said.contains("Number of regular files transferred: 0"), "{said}");
    assert_eq!(names(&server.at("home/tree")), ["deep"]);
}

#[test]
fn git_pushes_and_clones() {
    let server = Server::start();
    let remote = format!("ssh -F {}", server.at("config-key").display());
    let git = |args: &[&str]| {
        let mut git = client("git");
        git.arg("-C").arg(server.at("")).args(args).env("GIT_SSH_COMMAND", &remote);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        text(&mut git, b"")
    };
    server.output("git init -q --bare -b main repository");
    git(&["init", "-q", "-b", "main", "work"]);
    fs::write(server.at("work/file"), "content").unwrap();
    git(&["-C", "work", "add", "file"]);
    git(&["-C", "work", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"]);
    git(&["-C", "work", "push", "-q", "mydev:repository", "main"]);
    git(&["clone", "-q", "mydev:repository", "clone"]);
    assert_eq!(fs::read(server.at("clone/file")).unwrap(), b"content");
}
