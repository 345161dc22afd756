//! Files: sftp, scp either way, rsync, git; also where there is no shell.

use std::{fs, os::unix::fs::PermissionsExt};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{
    clients::{client, run, text},
    russh_client::{granted, in_time},
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
    // sftp ends at the first request that fails, so `df` shows that the server has statvfs@openssh.com.
    let said = sftp(
        &server,
        &format!(
            "mkdir new\nput -fp {} new/one\nrename new/one new/two\nsymlink two new/link\nln new/two new/hard\n\
             get -p new/two {}\nchmod 600 new/hard\nls -l new\nls -la new\ndf -h\nrm new/hard\n",
            big.display(),
            back.display()
        ),
    );
    assert!(fs::read(&back).unwrap() == data && fs::read(home.join("new/two")).unwrap() == data);
    assert_eq!(fs::metadata(&back).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names(&home.join("new")), ["link", "two"]);
    assert!(said.contains("20000000") && said.contains("-rw-------"), "{said}");
    let said = sftp(&server, "pwd\n");
    assert!(said.trim_end().ends_with(&format!(" {}", home.display())), "{said}");
    // Over what is there, as `mv` would.
    sftp(&server, "rename new/two new/link\n");
    assert_eq!(names(&home.join("new")), ["link"]);
}

/// Sends `request` as one packet of SFTP and returns the answer from its kind on.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &[u8]) -> Vec<u8> {
    stream.write_u32(request.len().try_into().unwrap()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = vec![0; stream.read_u32().await.unwrap().try_into().unwrap()];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn sftp_reports_a_missing_file_by_its_code() {
    let server = Server::start();
    let mut client = server.log_in().await;
    let mut channel = client.session().await.unwrap();
    channel.request_subsystem(true, "sftp").await.unwrap();
    assert!(granted(&mut channel).await);
    let mut stream = channel.into_stream();
    // SSH_FXP_INIT and SSH_FXP_VERSION, both of version 3.
    let version = in_time(ask(&mut stream, &[1, 0, 0, 0, 3])).await;
    assert_eq!(version[..5], [2, 0, 0, 0, 3]);
    // A number of the request, a path of 7 bytes; SSH_FXP_OPEN has eight bytes more: to read, without attributes.
    let path = b"\0\0\0\x09\0\0\0\x07nothing";
    let open = [0_u8, 0, 0, 1, 0, 0, 0, 0];
    for (kind, more) in [(3_u8, &open[..]), (7, &[][..]), (11, &[][..]), (15, &[][..])] {
        let mut request = vec![kind];
        request.extend_from_slice(path);
        request.extend_from_slice(more);
        let status = in_time(ask(&mut stream, &request)).await;
        // SSH_FXP_STATUS with the same number and SSH_FX_NO_SUCH_FILE.
        assert_eq!(status[..9], [101, 0, 0, 0, 9, 0, 0, 0, 2], "{kind}");
    }
    let mut batch = server.client("sftp");
    let output = run(batch.args(["-b", "-", "mydev"]), b"-get nothing\n-rmdir nothing\n-ls nothing\ncd /\n");
    assert!(output.status.success(), "a client goes on after them: {output:?}");
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
        // It prints the name of each file that it sends.
        command.args(["-a", "--delete", "--out-format=%n", "-e", &remote]).arg(server.at("tree/"));
        text(command.arg("mydev:tree/"), b"")
    };
    let said = rsync();
    assert!(said.lines().any(|line| line == "deep/two"), "{said}");
    assert_eq!(fs::read(server.at("home/tree/deep/two")).unwrap(), b"two");
    fs::remove_file(server.at("tree/one")).unwrap();
    let said = rsync();
    assert!(!said.lines().any(|line| line == "deep/two"), "{said}");
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
