//! Sessions: shell, exec, terminal, environment, signals, ends.

use std::{
    fs,
    io::{Read, Write},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use russh::{Disconnect, Sig};

use crate::{
    clients::{end, run, text},
    server::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_its_status_and_keeps_its_two_streams_apart() {
    let server = Server::start();
    let output = run(&mut server.ssh(&[], &["echo out; echo err >&2; exit 42"]), b"");
    assert_eq!(output.status.code(), Some(42));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    let output = run(&mut server.ssh(&[], &["sh -c 'kill -9 $$'; exit $?"]), b"");
    assert_eq!(output.status.code(), Some(128 + 9));
    let ended = server.log_in().await.run("kill -TERM $$").await;
    assert!(matches!(ended.signal, Some(Sig::TERM)) && ended.status.is_none(), "{ended:?}");
    let output = run(&mut server.ssh(&[], &["no-such-command"]), b"");
    assert_eq!(output.status.code(), Some(127));
}

#[test]
fn the_end_of_input_reaches_a_program_that_still_has_something_to_say() {
    let server = Server::start();
    assert_eq!(text(&mut server.ssh(&[], &["cat; echo end"]), b"hello\n"), "hello\nend\n");
    assert_eq!(text(&mut server.ssh(&[], &["bash"]), b"echo from a script\n"), "from a script\n");
    assert_eq!(text(&mut server.ssh(&[], &["wc -c"]), &vec![b'x'; 3_000_000]).trim(), "3000000");
}

#[test]
fn a_program_that_takes_no_input_does_not_wait_for_its_end() {
    let server = Server::start();
    let start = Instant::now();
    let output = run(&mut server.ssh(&[], &["true"]), &vec![b'x'; 30_000_000]);
    assert!(output.status.success());
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_hundred_mebibytes_come_as_they_went_both_ways_at_once() {
    let server = Server::start();
    let mut data = vec![0; 100 << 20];
    let mut state = 1u64;
    for chunk in data.chunks_mut(8) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chunk.copy_from_slice(&state.to_le_bytes()[..chunk.len()]);
    }
    let output = run(&mut server.ssh(&[], &["tee copy"]), &data);
    assert!(output.status.success());
    assert!(output.stdout == data, "what came back differs");
    assert!(fs::read(server.at("home/copy")).unwrap() == data, "what arrived differs");
    assert_eq!(text(&mut crate::clients::client("sha256sum"), &data), server.output("sha256sum < copy"));
}

#[test]
fn keys_are_changed_in_the_middle_of_both_directions() {
    let server = Server::start();
    let data = vec![b'k'; 30_000_000];
    let output = run(&mut server.ssh(&["-o", "RekeyLimit=2M"], &["cat"]), &data);
    assert!(output.status.success() && output.stdout == data);
}

#[test]
fn output_that_is_taken_slowly_does_not_stand_in_the_way_of_input() {
    let server = Server::start();
    let mut ssh = server.ssh(&[], &["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = ssh.stdin.take().unwrap();
    let feed = std::thread::spawn(move || stdin.write_all(&vec![b'x'; 40_000_000]));
    // Long enough for every buffer on the way to be full.
    std::thread::sleep(Duration::from_secs(3));
    let mut taken = Vec::new();
    ssh.stdout.take().unwrap().read_to_end(&mut taken).unwrap();
    assert_eq!(taken.len(), 40_000_000);
    feed.join().unwrap().unwrap();
    assert!(ssh.wait().unwrap().success());
}

#[test]
fn programs_get_no_signals_that_are_ignored() {
    let server = Server::start();
    // Numbers above 31 are the C library's own matter.
    let ordinary = |text: &str| -> Vec<u64> {
        let mask = |line: &str| u64::from_str_radix(line.split_once('\t').unwrap().1, 16).unwrap();
        text.lines().map(|line| mask(line) & 0x7fff_ffff).collect()
    };
    // What the tests run under may ignore some.
    let here = text(crate::clients::client("grep").args(["-hE", "Sig(Ign|Blk)", "/proc/self/status"]), b"");
    assert_eq!(ordinary(&server.output("grep -hE 'Sig(Ign|Blk)' /proc/self/status")), ordinary(&here));
    let descriptors = text(crate::clients::client("ls").arg("/proc/self/fd"), b"").lines().count();
    assert_eq!(server.output("ls /proc/self/fd").lines().count(), descriptors, "none of the agent's own");
}

#[test]
fn an_image_without_a_shell_says_so_and_has_sftp() {
    let server = Server::start_without_a_shell();
    for (args, command) in [(&[][..], "true"), (&["-tt"][..], "true"), (&[][..], "")] {
        let output = run(&mut server.ssh(args, &[command]), b"");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("this image has no shell: "), "{said}");
        assert_eq!(output.status.code(), Some(127));
    }
    let mut sftp = server.client("sftp");
    let said = text(sftp.args(["-b", "-", "mydev"]), b"mkdir new\nls -1\npwd\n");
    assert!(said.contains("new\n") && said.trim_end().ends_with(" /home"), "{said}");
}

#[test]
fn a_terminal_has_the_size_and_the_settings_of_the_clients() {
    let server = Server::start();
    let said = text(&mut server.ssh(&["-tt"], &["stty size; tty; echo $TERM $SSH_TTY"]), b"");
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("0 0"), "{said}");
    let tty = lines.next().unwrap();
    assert!(tty.starts_with("/dev/pts/"), "{said}");
    assert!(lines.next().unwrap().ends_with(tty), "{said}");
    let said = text(&mut server.ssh(&["-tt"], &["ps -o pid=,sid=,tpgid= -p $$"]), b"");
    let ids: Vec<_> = said.split_whitespace().collect();
    assert_eq!((ids[0], ids[0]), (ids[1], ids[2]), "leader of its session, in the foreground: {said}");
}

#[test]
fn nothing_of_the_output_is_lost_when_a_program_ends() {
    let server = Server::start();
    for _ in 0..5 {
        let said = text(&mut server.ssh(&["-tt"], &["seq 20000"]), b"");
        assert_eq!(said.lines().count(), 20_000);
        assert!(said.ends_with("\r\n20000\r\n"), "{:?}", &said[said.len() - 40..]);
        assert_eq!(server.output("seq 20000").lines().count(), 20_000);
    }
}

#[test]
fn a_terminal_of_a_real_one_is_resized_and_interrupted_with_it() {
    let server = Server::start();
    // `script` gives the client a terminal.
    let ssh = format!("stty cols 91 rows 17; ssh -tt -F {} mydev", server.at("config-key").display());
    let mut script = crate::clients::client("script");
    script.args(["-qec", &ssh, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"stty size; sleep 61\n").unwrap();
    server.eventually("the sleep runs", || server.output("pgrep -f '^sleep 61' || true").trim() != "");
    stdin.write_all(b"\x03").unwrap();
    stdin.write_all(b"echo st''ill here; exit 5\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("17 91") && said.contains("still here"), "{said}");
    assert_eq!(output.status.code(), Some(5), "{said}");
}

#[test]
fn a_login_shell_is_one_and_a_terminal_left_open_in_the_background_holds_nobody() {
    let server = Server::start();
    let start = Instant::now();
    let said = text(&mut server.ssh(&["-tt"], &[]), b"shopt login_shell\n(sleep 30 &)\nexit\n");
    assert!(said.contains("login_shell") && said.contains("on"), "{said}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_environment_is_the_containers_the_logins_and_what_the_client_sets() {
    let server = Server::start_with(|agent| {
        agent.env("FROM_IMAGE", "yes");
    });
    let args = ["-o", "SetEnv=LC_TEST=here GIT_PROTOCOL=version=2 LD_PRELOAD=/evil.so"];
    let said = text(&mut server.ssh(&args, &["env; pwd"]), b"");
    let home = server.at("home");
    for line in [
        "FROM_IMAGE=yes",
        "DEVSERVER_NAME=mydev",
        "LC_TEST=here",
        "GIT_PROTOCOL=version=2",
        &format!("HOME={}", home.display()),
        &format!("{}", home.display()),
    ] {
        assert!(said.lines().any(|said| said == line), "{line} is missing in:\n{said}");
    }
    assert!(!said.contains("evil"), "{said}");
    let connection = said.lines().find(|line| line.starts_with("SSH_CONNECTION=")).unwrap();
    assert!(connection.starts_with("SSH_CONNECTION=127.0.0.1 "), "{connection}");
    assert!(connection.ends_with(&format!(" 127.0.0.1 {}", server.port)), "{connection}");
}

#[test]
fn what_a_client_leaves_behind_when_it_goes_is_hung_up() {
    let server = Server::start();
    let mut client = server.ssh(&[], &["echo $$; exec sleep 300"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut pid = [0; 16];
    let count = client.stdout.as_mut().unwrap().read(&mut pid).unwrap();
    let process = format!("/proc/{}", String::from_utf8_lossy(&pid[..count]).trim());
    assert!(fs::exists(&process).unwrap());
    end(&mut client);
    server.eventually("the process is gone", || !fs::exists(&process).unwrap());
}

#[test]
fn what_was_put_into_the_background_outlives_its_session() {
    let server = Server::start();
    let pid = server.output("nohup sleep 30 > /dev/null 2>&1 & echo $!");
    let process = format!("/proc/{}", pid.trim());
    std::thread::sleep(Duration::from_millis(200));
    assert!(fs::exists(&process).unwrap());
    server.output(&format!("kill {}", pid.trim()));
    server.eventually("it is reaped", || !fs::exists(&process).unwrap());
}

#[test]
fn many_short_commands_each_get_their_own_status() {
    let server = Server::start();
    let control = server.at("control");
    let options = format!(" ControlPath {}\n", control.display());
    server.configure("key", &options);
    let mut master = server.ssh(&["-MN"], &[]).spawn().unwrap();
    server.eventually("the master is up", || control.exists());
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..15 {
                    let code = worker * 15 + round;
                    let output = run(&mut server.ssh(&[], &[&format!("echo {code}; exit {code}")]), b"");
                    assert_eq!(output.status.code(), Some(code));
                    assert_eq!(output.stdout, format!("{code}\n").as_bytes());
                }
            });
        }
    });
    text(&mut server.ssh(&["-O", "exit"], &[]), b"");
    master.wait().unwrap();
}

#[test]
fn a_channel_that_nobody_drains_holds_up_no_other() {
    let server = Server::start();
    let control = server.at("control");
    server.configure("key", &format!(" ControlPath {}\n", control.display()));
    let mut master = server.ssh(&["-MN"], &[]).spawn().unwrap();
    server.eventually("the master is up", || control.exists());
    // One whose output nobody reads, one that reads no input.
    let mut undrained = server.ssh(&[], &["cat /dev/zero"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut deaf =
        server.ssh(&[], &["sleep 60"]).stdin(fs::File::open("/dev/zero").unwrap()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    assert_eq!(server.output("echo fine"), "fine\n");
    assert_eq!(server.output("head -c 10000000 /dev/zero | wc -c").trim(), "10000000");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    for client in [&mut undrained, &mut deaf] {
        end(client);
    }
    let _ = server.ssh(&["-O", "exit"], &[]).output();
    master.wait().unwrap();
}

#[test]
fn what_a_program_does_not_take_waits_at_the_client_while_its_neighbours_go_on() {
    let server = Server::start();
    let control = server.at("control");
    server.configure("key", &format!(" ControlPath {}\n", control.display()));
    let mut master = server.ssh(&["-MN"], &[]).spawn().unwrap();
    server.eventually("the master is up", || control.exists());
    let mut deaf = server.ssh(&[], &["sleep 100"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = deaf.stdin.take().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let feed = std::thread::spawn(move || {
        let piece = vec![b'x'; 1 << 16];
        while stdin.write_all(&piece).is_ok() {
            counter.fetch_add(piece.len(), Ordering::Relaxed);
        }
    });
    server.eventually("its window is full", || sent.load(Ordering::Relaxed) >= 8 << 20);
    for _ in 0..3 {
        assert_eq!(text(&mut server.ssh(&[], &["wc -c"]), &vec![b'y'; 30_000_000]).trim(), "30000000");
    }
    // One window, and what the client and the pipes hold of it.
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent < 20 << 20, "{sent} bytes left the client, and nobody took any");
    end(&mut deaf);
    feed.join().unwrap();
    let _ = server.ssh(&["-O", "exit"], &[]).output();
    master.wait().unwrap();
}

#[test]
fn the_agent_tells_what_goes_on() {
    let server = Server::start();
    let before = server.activity();
    assert_eq!((&before["sessions"], &before["connections"]), (&0.into(), &0.into()));
    assert!(before["lastChannelActivity"].is_null());
    let mut client = server.ssh(&[], &["echo up; read x; head -c 1000000 /dev/zero; while :; do n=$((n+1)); [ $n -lt 200000 ] || exit; done"]);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    client.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
    let during = server.activity();
    assert_eq!((&during["sessions"], &during["connections"]), (&1.into(), &1.into()));
    client.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(client.wait_with_output().unwrap().stdout.len(), 1_000_000);
    server.eventually("the connection is gone", || server.activity()["connections"] == 0);
    let after = server.activity();
    assert_eq!(after["channelBytes"], 1_000_006);
    assert!(after["lastChannelActivity"].as_f64().unwrap() < 30.0);
    // The kernel counts in hundredths of a second, and the program that used them has ended.
    let spent = |report: &serde_json::Value| report["processCpuSeconds"].as_f64().unwrap();
    assert!(spent(&after) >= spent(&before) + 0.02, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_sessions_end_within_the_grace_period_and_their_clients_hear_why() {
    let mut server = Server::start();
    let mut shell = server.ssh(&["-tt"], &[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut idle = server.log_in().await;
    server.eventually("both are in", || server.activity()["connections"] == 2);
    server.eventually("the shell runs", || server.activity()["sessions"] == 1);
    std::thread::sleep(Duration::from_millis(300));
    let took = server.terminate();
    assert!(took < Duration::from_millis(1900), "an interactive shell is deaf to SIGTERM: {took:?}");
    shell.wait().unwrap();
    let last = idle.disconnected().await.unwrap();
    assert!(matches!(last.reason_code, Disconnect::ByApplication), "{last:?}");
    assert_eq!(last.message, "the dev server is stopping");
}
