//! What bastion and runner say to each other: one request with descriptors, one answer. Closing the connection means
//! that nobody is interested any more.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

/// Bytes of one message: a command line as long as Linux takes one.
const MOST: u32 = 2 << 20;

/// Runs devctl. Its descriptors follow, with one byte: a terminal, or standard input, output and error; then the control
/// socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    /// What devctl is called with.
    pub(super) arguments: Vec<String>,
    /// The whole environment.
    pub(super) variables: Vec<(String, String)>,
    /// Whether there is a terminal.
    pub(super) terminal: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// It ended with this status; 128 and more for a signal, as shells have it.
    Exit(u32),
    /// It did not start.
    Error(String),
}

/// Descriptors of a request.
pub(super) fn descriptors(terminal: bool) -> usize {
    if terminal { 2 } else { 4 }
}

pub(super) async fn send(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MOST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "message is too long"))?;
    stream.write_u32(length).await?;
    stream.write_all(&text).await
}

pub(super) async fn receive<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let length = stream.read_u32().await?;
    if length > MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "message is too long"));
    }
    let mut text = vec![0; length as usize];
    stream.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_arrives_as_it_was_sent() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let request = Request {
            arguments: vec!["list".into(), "ä \n".into()],
            variables: vec![("TERM".into(), "xterm".into())],
            terminal: true,
        };
        send(&mut one, &request).await.unwrap();
        assert_eq!(receive::<Request>(&mut other).await.unwrap(), request);
    }

    #[tokio::test]
    async fn a_length_that_nobody_sends_is_not_allocated() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        one.write_u32(u32::MAX).await.unwrap();
        assert!(receive::<Answer>(&mut other).await.is_err());
    }
}
