//! What overtakes input that nobody takes. OpenSSH's client cannot send a signal, so the client here is the library's.

use std::fs;

use russh::{ChannelMsg, Sig};

use crate::{russh_client::output_until, server::Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_a_size_and_the_end_overtake_input_that_nobody_takes() {
    let server = Server::start();
    let mut client = server.log_in().await;
    let mut channel = client.session().await.unwrap();
    channel.request_pty(false, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
    let script = "stty raw -echo; trap 'stty size; exit 7' WINCH; trap 'echo heard' USR1; echo ready; \
                  while :; do sleep 0.05; done";
    channel.exec(false, script).await.unwrap();
    output_until(&mut channel, |said, _| said.contains("ready")).await;
    // All of a window.
    channel.data_bytes(vec![b'x'; 8 << 20]).await.unwrap();
    channel.signal(Sig::USR1).await.unwrap();
    output_until(&mut channel, |said, _| said.contains("heard")).await;
    channel.window_change(99, 33, 0, 0).await.unwrap();
    output_until(&mut channel, |said, _| said.contains("33 99")).await;
    output_until(&mut channel, |_, message| matches!(message, ChannelMsg::ExitStatus { exit_status: 7 }))
        .await;
    // That a channel is closed hangs up what runs in it, however much waits.
    let mut channel = client.session().await.unwrap();
    channel.exec(false, "echo $$; exec sleep 300").await.unwrap();
    let said = output_until(&mut channel, |said, _| said.ends_with('\n')).await;
    let process = format!("/proc/{}", said.trim());
    channel.data_bytes(vec![b'x'; 8 << 20]).await.unwrap();
    assert!(fs::exists(&process).unwrap());
    channel.close().await.unwrap();
    server.eventually("the process is gone", || !fs::exists(&process).unwrap());
}
