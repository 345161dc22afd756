//! What devctl asks of the bastion, over a socket: to relay the session to a dev server, and for a new token. devctl
//! itself never has a connection to a dev server.

use std::io::{self, BufRead, BufReader, Write};

use filedescriptor::FileDescriptor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    failure::{Ended, Exit, Failure},
    place::Token,
};

/// Longest answer; the longest there are are tokens, of about a thousand characters.
const ANSWER_MAX: u64 = 64 * 1024;

/// Where the session is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Relay {
    /// Name of the dev server.
    pub(crate) server: String,
    /// What runs there, in a terminal if the session has one; a login shell where missing.
    pub(crate) command: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Ask<'a> {
    Relay(&'a Relay),
    Token {},
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Exit(u32),
    Token(String),
    Absent(String),
    Error(String),
}

/// Why the bastion did not do it.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The descriptor is none.
    #[error("the bastion's control socket {0} is not open")]
    Closed(i32, #[source] filedescriptor::Error),
    /// The other end went away.
    #[error("the bastion does not answer")]
    Lost(#[source] io::Error),
    /// It says what nobody understands.
    #[error("the bastion's answer {0:?} makes no sense; it may be of another version")]
    Odd(String),
    /// The user has no such dev server.
    #[error("{0}")]
    Absent(String),
    /// It says no.
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Absent(_) => Self::of(Exit::Absent, &error),
            Error::Refused(_) => Self::of(Exit::NotReady, &error),
            Error::Closed(..) | Error::Lost(_) | Error::Odd(_) => Self::of(Exit::Internal, &error),
        }
    }
}

/// Hands over through descriptor `number`, and waits until the relay has ended.
pub(crate) fn hand_over(number: i32, relay: &Relay) -> Result<Ended, Error> {
    match ask(number, &Ask::Relay(relay))? {
        Answer::Exit(0) => Ok(Ended::Well),
        Answer::Exit(status) => Ok(Ended::Remotely(u8::try_from(status).unwrap_or(u8::MAX))),
        Answer::Absent(message) => Err(Error::Absent(message)),
        Answer::Error(message) => Err(Error::Refused(message)),
        Answer::Token(_) => Err(Error::Odd("a token".to_owned())),
    }
}

/// A token that is good for some more minutes. A bastion that does not know of this refuses.
pub(crate) fn new_token(number: i32) -> Result<Token, Error> {
    match ask(number, &Ask::Token {})? {
        Answer::Token(token) => Ok(Token(token)),
        Answer::Error(message) | Answer::Absent(message) => Err(Error::Refused(message)),
        Answer::Exit(status) => Err(Error::Odd(format!("status {status}"))),
    }
}

fn ask(number: i32, ask: &Ask) -> Result<Answer, Error> {
    // A duplicate: the number stays open for the next time.
    let mut socket = FileDescriptor::dup(&number).map_err(|error| Error::Closed(number, error))?;
    let mut line = serde_json::to_vec(ask).expect("a request is JSON");
    line.push(b'\n');
    socket.write_all(&line).and_then(|()| socket.flush()).map_err(Error::Lost)?;
    let mut answer = String::new();
    BufReader::new(io::Read::take(socket, ANSWER_MAX)).read_line(&mut answer).map_err(Error::Lost)?;
    if answer.is_empty() {
        return Err(Error::Lost(io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_str(&answer).map_err(|_| Error::Odd(answer.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::{fd::AsRawFd, unix::net::UnixStream};

    use super::*;

    fn answered(answer: &str) -> (Result<Ended, Error>, String) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let relay = Relay { server: "mydev".into(), command: Some("make \"all\"".into()) };
        let mut bastion = theirs.try_clone().unwrap();
        bastion.write_all(answer.as_bytes()).unwrap();
        bastion.shutdown(std::net::Shutdown::Write).unwrap();
        let ended = hand_over(ours.as_raw_fd(), &relay);
        let mut asked = String::new();
        BufReader::new(theirs).read_line(&mut asked).unwrap();
        (ended, asked)
    }

    #[test]
    fn bastion_is_asked_in_a_line_and_its_status_is_passed_on() {
        let (ended, asked) = answered("{\"exit\":7}\n");
        assert_eq!(ended.unwrap(), Ended::Remotely(7));
        assert_eq!(asked, "{\"relay\":{\"server\":\"mydev\",\"command\":\"make \\\"all\\\"\"}}\n");
    }

    #[test]
    fn new_token_is_asked_for_in_the_same_way() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (&theirs).write_all(b"{\"token\":\"abc\"}\n").unwrap();
        let (number, mut asked) = (ours.as_raw_fd(), String::new());
        assert_eq!(new_token(number).unwrap(), Token("abc".into()));
        BufReader::new(theirs).read_line(&mut asked).unwrap();
        assert_eq!(asked, "{\"token\":{}}\n");
    }

    #[test]
    fn refusal_is_told_in_the_words_of_the_bastion() {
        let failure = Failure::from(answered("{\"error\":\"there is no mydev\"}\n").0.unwrap_err());
        assert_eq!((&*failure.message, failure.exit), ("there is no mydev", Exit::NotReady));
    }

    #[test]
    fn dev_server_that_the_user_does_not_have_is_not_found() {
        let failure = Failure::from(answered("{\"absent\":\"no dev server\"}\n").0.unwrap_err());
        assert_eq!((&*failure.message, failure.exit), ("no dev server", Exit::Absent));
    }

    #[test]
    fn bastion_that_goes_away_or_talks_nonsense_is_told() {
        assert!(matches!(answered("").0, Err(Error::Lost(_))));
        assert!(matches!(answered("hello\n").0, Err(Error::Odd(text)) if text == "hello"));
        let relay = Relay { server: "mydev".into(), command: None };
        assert!(matches!(hand_over(9999, &relay), Err(Error::Closed(9999, _))));
    }
}
