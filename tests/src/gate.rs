//! A Unix socket that leads to another one and can be closed for a time, as that of a program that is restarted.

use std::{
    fs, io,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result, anyhow};

/// A socket with a target. Dropping it closes it.
#[derive(Debug)]
pub struct Gate {
    path: PathBuf,
    target: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// Both ends of each connection; `None` once the gate is closing.
    streams: Arc<Mutex<Option<Vec<UnixStream>>>>,
    acceptor: JoinHandle<()>,
}

impl Gate {
    /// Returns an open gate at `path`.
    pub fn open(path: PathBuf, target: &Path) -> Result<Self> {
        let mut gate = Self { path, target: target.to_owned(), open: None };
        gate.reopen()?;
        Ok(gate)
    }

    /// Listens again, if it is closed.
    pub fn reopen(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let listener = UnixListener::bind(&self.path).with_context(|| self.path.display().to_string())?;
        let streams = Arc::new(Mutex::new(Some(Vec::new())));
        let (target, kept) = (self.target.clone(), Arc::clone(&streams));
        let acceptor = thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                match connect(client, &target, &kept) {
                    // A client whose target does not answer sees its connection end.
                    Ok(true) | Err(_) => {}
                    Ok(false) => return,
                }
            }
        });
        self.open = Some(Open { streams, acceptor });
        Ok(())
    }

    /// Ends all connections and refuses new ones.
    pub fn close(&mut self) -> Result<()> {
        let Some(Open { streams, acceptor }) = self.open.take() else { return Ok(()) };
        let all = streams.lock().unwrap_or_else(PoisonError::into_inner).take();
        for stream in all.iter().flatten() {
            // The other side may have ended it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Wakes the acceptor, which then ends and with it the listener.
        drop(UnixStream::connect(&self.path));
        acceptor.join().map_err(|_| anyhow!("the gate at {} has panicked", self.path.display()))?;
        Ok(fs::remove_file(&self.path)?)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// Connects a client with the target. Returns whether the gate is still open.
fn connect(client: UnixStream, target: &Path, streams: &Mutex<Option<Vec<UnixStream>>>) -> io::Result<bool> {
    // The connection that wakes the acceptor for the end does not reach the target, which may be gone.
    if streams.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
        return Ok(false);
    }
    let server = UnixStream::connect(target)?;
    {
        let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(streams) = streams.as_mut() else { return Ok(false) };
        streams.extend([client.try_clone()?, server.try_clone()?]);
    }
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            // An error ends the connection as the end of the input does.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn closed_gate_ends_connections_and_an_open_one_leads_to_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let (target, path) = (folder.path().join("target"), folder.path().join("gate"));
        let listener = UnixListener::bind(&target).unwrap();
        let echo = thread::spawn(move || {
            for client in listener.incoming().take(2) {
                let mut client = client.unwrap();
                let mut from = client.try_clone().unwrap();
                thread::spawn(move || io::copy(&mut from, &mut client));
            }
        });
        let mut gate = Gate::open(path.clone(), &target).unwrap();
        let mut first = UnixStream::connect(&path).unwrap();
        first.write_all(b"one").unwrap();
        let mut said = [0; 3];
        first.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"one");
        gate.close().unwrap();
        assert_eq!(first.read(&mut said).unwrap(), 0);
        assert!(UnixStream::connect(&path).is_err());
        gate.reopen().unwrap();
        let mut second = UnixStream::connect(&path).unwrap();
        second.write_all(b"two").unwrap();
        second.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"two");
        echo.join().unwrap();
    }
}
