//! The real agent behind the bastion, with the clients of OpenSSH. Its program comes from another crate: cargo puts it
//! beside these tests when it builds the workspace's.

use std::{env, fs, net::SocketAddr, time::Duration};

use devplat_bastion::directory::Readiness;
use russh::Sig;
use tokio::{
    net::{TcpListener, TcpStream},
    process::Child,
    time::{sleep, timeout},
};

use crate::{
    keys::{ALICE, host_authority, session_authority},
    process::{command, feed, run},
    world::{MYDEV, World, server},
};

struct Real {
    world: World,
    folder: tempfile::TempDir,
    _agent: Child,
}

async fn real() -> Real {
    let own = env::current_exe().unwrap();
    let program = own.ancestors().nth(2).unwrap().join("devplat-agent");
    assert!(program.is_file(), "{} is missing: cargo build -p devplat-agent makes it", program.display());
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let identity = host_authority().server("dev-alice", "mydev", None);
    write("host_key", &identity.key_text());
    write("host_key-cert.pub", &identity.certificate_text());
    write("session_authority.pub", &session_authority().public_key().to_openssh().unwrap());
    let (ssh, http) = (free().await, free().await);
    let agent = command(program)
        .args(["init", "--grace", "1", "--principal", "dev-alice/mydev", "--ssh-dir"])
        .arg(folder.path())
        .args(["--ssh-listen", &ssh.to_string(), "--http-listen", &http.to_string()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let up = async {
        while TcpStream::connect(ssh).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), up).await.expect("the agent listens");
    let world = World::new().await;
    world.door.directory.put_server(server("dev-alice", "mydev", Readiness::Ready(ssh)));
    Real { world, folder, _agent: agent }
}

async fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_commands_and_terminals_are_real() {
    let Real { world, .. } = &real().await;
    let done = run(world.ssh("alice").args([MYDEV, "echo out; echo err >&2; exit 3"])).await;
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (3, "out\n", "err\n"));
    let done = run(world.ssh("alice").args(["-tt", MYDEV, "tty; stty size"])).await;
    assert!(done.out.contains("/dev/pts/"), "{done:?}");
    let output = feed(world.ssh("alice").args([MYDEV]), b"echo a shell\nexit 4\n").await;
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(4), &b"a shell\n"[..]), "{output:?}");
    let ended = world.client("alice+mydev", ALICE).await.run("kill -TERM $$").await;
    assert!(matches!(ended.signal, Some(Sig::TERM)) && ended.status.is_none(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_stay_as_they_are_both_ways_at_once() {
    let Real { world, .. } = &real().await;
    let input: Vec<u8> =
        (0..64_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let output = feed(world.ssh("alice").args([MYDEV, "cat"]), &input).await;
    assert!(output.stdout == input, "{} bytes came back", output.stdout.len());
    let output = feed(world.ssh("alice").args([MYDEV, "head -c 10 >/dev/null; exit 5"]), &input).await;
    assert_eq!(output.status.code(), Some(5), "input that nobody reads is no obstacle");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_with_scp_old_and_new_and_sftp() {
    let Real { world, folder, .. } = &real().await;
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let bytes: Vec<u8> =
        (0..5_000_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    fs::write(&from, &bytes).unwrap();
    let options = || {
        let mut all =
            vec!["-F".to_owned(), "none".into(), "-q".into(), "-P".into(), world.address.port().to_string()];
        for option in world.options("alice") {
            all.extend(["-o".to_owned(), option]);
        }
        all
    };
    let remote = format!("{MYDEV}:{}", to.display());
    for old in [false, true] {
        let mut scp = command("scp");
        scp.args(options());
        if old {
            scp.arg("-O");
        }
        let done = run(scp.arg(&from).arg(&remote)).await;
        assert_eq!(done.status, 0, "{done:?}");
        assert!(fs::read(&to).unwrap() == bytes);
        fs::remove_file(&to).unwrap();
    }
    let mut sftp = command("sftp");
    sftp.args(options()).args(["-b", "-", MYDEV]);
    let batch = format!("put {} {}\nls -l {}\n", from.display(), to.display(), to.display());
    let output = feed(&mut sftp, batch.as_bytes()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(fs::read(&to).unwrap() == bytes);
}
