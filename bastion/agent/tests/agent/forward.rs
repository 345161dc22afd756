//! Forwarding either way, of ports, sockets and the agent.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    process::{Child, Stdio},
};

use russh::ChannelOpenFailure;

use crate::{
    clients::{client, end, run, text},
    russh_client::Refusal,
    server::{Server, free_port, names},
};

/// `ssh -N` with `args` until it is dropped.
struct Held(Child);

impl Held {
    fn open(server: &Server, args: &[&str]) -> Self {
        let mut all = vec!["-N", "-o", "ExitOnForwardFailure=yes"];
        all.extend(args);
        Self(server.ssh(&all, &[]).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// A refusal because the connection failed, with the description `why`.
fn not_connected(why: &str) -> Refusal {
    Refusal { reason: ChannelOpenFailure::ConnectFailed, description: why.to_owned() }
}

/// Answers each connection with what it sent, in capitals, once that has ended.
fn shouting(
    streams: impl Iterator<Item = (impl Read + Send + 'static, impl Write + Send + 'static)> + Send + 'static,
) {
    std::thread::spawn(move || {
        for (mut read, mut write) in streams {
            let mut said = String::new();
            if read.read_to_string(&mut said).is_ok() {
                let _ = write.write_all(said.to_uppercase().as_bytes());
            }
        }
    });
}

fn shouting_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    shouting(std::iter::from_fn(move || {
        let (stream, _) = listener.accept().ok()?;
        Some((stream.try_clone().unwrap(), stream))
    }));
    port
}

fn shouting_socket(path: &std::path::Path) {
    let listener = UnixListener::bind(path).unwrap();
    shouting(std::iter::from_fn(move || {
        let (stream, _) = listener.accept().ok()?;
        Some((stream.try_clone().unwrap(), stream))
    }));
}

fn ask(port: u16) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return String::new() };
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn ask_socket(path: &std::path::Path) -> String {
    let Ok(mut stream) = UnixStream::connect(path) else { return String::new() };
    stream.write_all(b"hello").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn a_local_port_leads_to_one_of_the_server() {
    let server = Server::start();
    let (here, there) = (free_port(), shouting_port());
    let _held = Held::open(&server, &["-L", &format!("{here}:localhost:{there}")]);
    server.eventually("the answer comes", || ask(here) == "HELLO");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_through_the_server_is_input_and_output_of_the_client() {
    let server = Server::start();
    let there = shouting_port();
    let mut ssh = server.client("ssh");
    ssh.args(["-W", &format!("127.0.0.1:{there}"), "mydev"]);
    assert_eq!(text(&mut ssh, b"hello"), "HELLO");
    let refusal = server.log_in().await.direct_tcpip("127.0.0.1", free_port()).await.unwrap_err();
    assert_eq!(refusal, not_connected("Connection refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_on_the_server() {
    let server = Server::start();
    let there = shouting_port();
    let name = text(&mut client("hostname"), b"");
    let listener = TcpListener::bind((name.trim(), 0));
    // Where the machine's own name leads nowhere, what is looked up is one that cannot be found.
    let refusal = server.log_in().await.direct_tcpip("no-such-host.invalid", there).await.unwrap_err();
    assert_eq!(refusal, not_connected("no-such-host.invalid has no address"));
    if let Ok(listener) = listener {
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"found").unwrap());
        let mut ssh = server.client("ssh");
        ssh.args(["-W", &format!("{}:{port}", name.trim()), "mydev"]);
        assert_eq!(text(&mut ssh, b""), "found");
    }
}

#[test]
fn a_socks_proxy_reaches_what_the_server_reaches() {
    let server = Server::start();
    let proxy = free_port();
    let _held = Held::open(&server, &["-D", &format!("{proxy}")]);
    let there = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", there.local_addr().unwrap().port());
    std::thread::spawn(move || {
        let (mut stream, _) = there.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nthrough").unwrap();
    });
    server.eventually("the proxy is up", || TcpStream::connect(("127.0.0.1", proxy)).is_ok());
    let proxy = format!("127.0.0.1:{proxy}");
    assert_eq!(text(client("curl").args(["-s", "--socks5", &proxy, &url]), b""), "through");
}

#[test]
fn a_port_of_the_server_leads_to_the_client_until_it_is_cancelled() {
    let server = Server::start();
    let control = server.at("control");
    server.configure("key", &format!(" ControlPath {}\n", control.display()));
    let (here, there) = (shouting_port(), free_port());
    let forward = format!("{there}:127.0.0.1:{here}");
    let _held = Held::open(&server, &["-M", "-R", &forward]);
    server.eventually("the answer comes", || ask(there) == "HELLO");
    text(&mut server.ssh(&["-O", "cancel", "-R", &forward], &[]), b"");
    server.eventually("the port is closed", || TcpStream::connect(("127.0.0.1", there)).is_err());
    let any = format!("0:127.0.0.1:{here}");
    let port = text(&mut server.ssh(&["-O", "forward", "-R", &any], &[]), b"");
    let port = port.trim().parse().unwrap();
    // The client says the port before it knows it itself.
    server.eventually("the answer comes", || ask(port) == "HELLO");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_the_server_that_is_taken_is_refused() {
    let server = Server::start();
    let taken = shouting_port();
    let remote = server.log_in().await.forward_port("localhost", taken).await;
    assert!(matches!(remote, Err(russh::Error::RequestDenied)), "{remote:?}");
}

#[test]
fn sockets_lead_both_ways_and_are_removed_with_their_connection() {
    let server = Server::start();
    let (near, far) = (server.at("near"), server.at("far"));
    shouting_socket(&server.at("home/app"));
    shouting_socket(&server.at("mine"));
    let out = format!("{}:{}", near.display(), server.at("home/app").display());
    let back = format!("{}:{}", far.display(), server.at("mine").display());
    let held = Held::open(&server, &["-L", &out, "-R", &back]);
    server.eventually("a socket of the server answers", || ask_socket(&near) == "HELLO");
    server.eventually("a socket of the client answers", || ask_socket(&far) == "HELLO");
    drop(held);
    server.eventually("the socket is removed", || !far.exists());
    // One that is there is not taken away from whoever has it.
    fs::write(&far, "mine").unwrap();
    let mut ssh = server.ssh(&["-N", "-o", "ExitOnForwardFailure=yes", "-R", &back], &[]);
    assert!(!run(&mut ssh, b"").status.success());
    assert_eq!(fs::read(&far).unwrap(), b"mine");
}

#[test]
fn the_clients_agent_is_there_and_gone_afterwards() {
    let server = Server::start_with(|agent| {
        let temporary = tempfile::tempdir().unwrap().keep();
        agent.env("TMPDIR", temporary);
    });
    let socket = server.at("agent");
    let mut agent = client("ssh-agent");
    let mut agent = agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
    server.eventually("ssh-agent is up", || socket.exists());
    text(client("ssh-add").arg("-q").arg(server.at("key")).env("SSH_AUTH_SOCK", &socket), b"");
    let here = text(client("ssh-add").arg("-l").env("SSH_AUTH_SOCK", &socket), b"");
    let mut ssh =
        server.ssh(&["-A"], &["ssh-add -l; echo $SSH_AUTH_SOCK; stat -c %a $(dirname $SSH_AUTH_SOCK)"]);
    let said = text(ssh.env("SSH_AUTH_SOCK", &socket), b"");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[0], here.trim_end(), "{said}");
    assert_eq!(lines[2], "700", "{said}");
    let folder = std::path::Path::new(lines[1]).parent().unwrap();
    server.eventually("the socket is gone", || !folder.exists());
    assert_eq!(names(folder.parent().unwrap()), Vec::<String>::new());
    fs::remove_dir(folder.parent().unwrap()).unwrap();
    assert_eq!(server.output("echo -$SSH_AUTH_SOCK-"), "--\n");
    end(&mut agent);
}
