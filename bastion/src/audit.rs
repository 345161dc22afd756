//! Who came, where they went, how much went over and how it ended: a line of JSON each. Commands, keys and data are
//! never in it.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::mpsc,
    thread,
};

use serde::Serialize;

/// Takes lines; a thread writes them, so that a slow reader of the log holds up nobody.
#[derive(Debug, Clone)]
pub struct Audit(mpsc::Sender<Line>);

#[derive(Debug, Serialize)]
struct Line {
    time: jiff::Timestamp,
    #[serde(flatten)]
    event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Somebody is in.
    Login {
        /// Number of the connection.
        connection: u64,
        /// Where it comes from.
        from: SocketAddr,
        /// Who.
        user: String,
        /// The dev server asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        server: Option<String>,
        /// The key or certificate.
        proof: String,
    },
    /// Somebody is not let in.
    Refused {
        /// Number of the connection.
        connection: u64,
        /// Where it comes from.
        from: SocketAddr,
        /// Whom they wanted to be, where that is a name at all.
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Why not.
        why: String,
    },
    /// A connection is gone that had logged in.
    Logout {
        /// Number of the connection.
        connection: u64,
        /// Who.
        user: String,
        /// Why.
        why: String,
        /// How long it was there.
        seconds: u64,
    },
    /// A channel is open.
    Channel {
        /// Number of the connection.
        connection: u64,
        /// Number of the channel in it.
        channel: u32,
        /// Who.
        user: String,
        /// What it is: `shell`, `exec`, `sftp`, `direct-tcpip`, …
        kind: String,
        /// Where it leads.
        target: String,
    },
    /// A channel is closed.
    End {
        /// Number of the connection.
        connection: u64,
        /// Number of the channel in it.
        channel: u32,
        /// Who.
        user: String,
        /// Bytes from the client.
        up: u64,
        /// Bytes to the client.
        down: u64,
        /// Exit status of what ran in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u32>,
        /// How it ended.
        why: String,
    },
    /// A channel was not opened.
    Denied {
        /// Number of the connection.
        connection: u64,
        /// Who.
        user: String,
        /// What was asked for.
        kind: String,
        /// Where it was to lead.
        target: String,
        /// Why not.
        why: String,
    },
    /// Something answered in place of a dev server that cannot prove to be it.
    WrongHost {
        /// Number of the connection.
        connection: u64,
        /// Who was to get there.
        user: String,
        /// The server.
        target: String,
        /// Its address.
        address: SocketAddr,
        /// What is wrong with its proof.
        why: String,
    },
}

impl Audit {
    /// Writes to standard output.
    pub fn stdout() -> io::Result<Self> {
        Self::to(io::stdout())
    }

    /// Writes to `sink`.
    pub fn to(mut sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel::<Line>();
        thread::Builder::new().name("audit".into()).spawn(move || {
            for line in lines {
                let Ok(mut text) = serde_json::to_vec(&line) else { continue };
                text.push(b'\n');
                if sink.write_all(&text).and_then(|()| sink.flush()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Notes `event`.
    pub fn note(&self, event: Event) {
        // Where nobody writes any more, there is nobody to tell either.
        let _ = self.0.send(Line { time: jiff::Timestamp::now(), event });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_flat_and_says_when() {
        let event = Event::Refused {
            connection: 7,
            from: "192.0.2.7:1234".parse().unwrap(),
            user: None,
            why: "there is no such user".into(),
        };
        let line = Line { time: jiff::Timestamp::UNIX_EPOCH, event };
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"time":"1970-01-01T00:00:00Z","event":"refused","connection":7,"from":"192.0.2.7:1234","why":"there is no such user"}"#
        );
    }
}
