//! devctl's way to ask for the session: it says which dev server, the client gets there, and devctl goes on afterwards.
//! What runs there has a terminal exactly if the session has one: the client's own end is then raw, and without a terminal
//! at the other end nobody would echo, turn lines or make a signal of Ctrl-C.

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::token::Token;

/// Bytes of one line: a command line as long as Linux takes one.
const LINE: u64 = 2 << 20;

/// What devctl asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Wish {
    /// The client to be led to a dev server.
    Relay {
        /// Its name.
        server: String,
        /// What runs there; a shell where it is missing.
        #[serde(default)]
        command: Option<String>,
    },
    /// Another token of the same user's, since the one that it has will end.
    Token {},
}

/// What it hears.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// It ended, with this status.
    Exit(u32),
    /// The token. Nothing logs it.
    Token(Token),
    /// The user has no such dev server.
    Absent(String),
    /// It is not possible.
    Error(String),
}

/// The bastion's end of devctl's control socket.
#[derive(Debug)]
pub(super) struct Control {
    lines: Take<BufReader<OwnedReadHalf>>,
    line: Vec<u8>,
    answers: OwnedWriteHalf,
}

impl Control {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (reader, answers) = stream.into_split();
        // Small, since most never say anything.
        let lines = BufReader::with_capacity(512, reader).take(LINE);
        Self { lines, line: Vec::new(), answers }
    }

    /// What devctl asks for next; `None` when it has closed its end. Nothing is lost where this is not waited for.
    pub(super) async fn next(&mut self) -> Option<Result<Wish, String>> {
        let read = self.lines.read_until(b'\n', &mut self.line).await;
        let line = std::mem::take(&mut self.line);
        self.lines.set_limit(LINE);
        match read {
            Ok(_) if line.ends_with(b"\n") => {
                Some(serde_json::from_slice(&line).map_err(|error| format!("not understood: {error}")))
            }
            _ => None,
        }
    }

    /// Tells devctl what became of it.
    pub(super) async fn answer(&mut self, outcome: &Outcome) {
        if let Ok(mut text) = serde_json::to_vec(outcome) {
            text.push(b'\n');
            let _ = self.answers.write_all(&text).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_is_heard_and_answered() {
        let (mut devctl, bastion) = UnixStream::pair().unwrap();
        let mut control = Control::new(bastion);
        devctl.write_all(b"{\"relay\":{\"server\":\"mydev\",\"command\":null}}\n").await.unwrap();
        let wish = Wish::Relay { server: "mydev".into(), command: None };
        assert_eq!(control.next().await, Some(Ok(wish)));
        devctl.write_all(b"{\"token\":{}}\n").await.unwrap();
        assert_eq!(control.next().await, Some(Ok(Wish::Token {})));
        control.answer(&Outcome::Exit(7)).await;
        control.answer(&Outcome::Error("no".into())).await;
        drop(control);
        let mut text = String::new();
        devctl.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "{\"exit\":7}\n{\"error\":\"no\"}\n");
    }

    #[tokio::test]
    async fn nonsense_is_told_and_the_end_is_seen() {
        let (mut devctl, bastion) = UnixStream::pair().unwrap();
        let mut control = Control::new(bastion);
        devctl.write_all(b"{}\n").await.unwrap();
        assert!(matches!(control.next().await, Some(Err(_))));
        drop(devctl);
        assert_eq!(control.next().await, None);
    }
}
