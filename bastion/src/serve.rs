//! Takes connections and sees each through to its end: login in time, room for newcomers, the end of a key's time, the
//! end of the replica.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::Duration,
};

use devplat_transport::Unblocked;
use russh::{Disconnect, server};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch as latest,
    time::{sleep, timeout},
};

use crate::{
    audit::Event,
    auth::Denial,
    door::Door,
    policy::{Misdeed, Stage},
    session::{Denied, Pass, Visitor},
};

/// Connections that the kernel holds while none is taken.
const BACKLOG: u32 = 4096;
/// How long somebody who has to go may take to read why.
const LAST: Duration = Duration::from_secs(1);

/// Why a connection has to end.
#[derive(Debug)]
enum Leave {
    /// The login took too long.
    Grace,
    /// Somebody else needs the place.
    Evicted,
    /// What let the user in does so no more.
    Forbidden,
    /// The replica ends.
    Over,
}

/// Listens on `address`; both IPv6 and IPv4 where it is `[::]`. Where a kernel has no IPv6, `[::]` is all addresses of
/// IPv4.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let (socket, address) = socket_for(address, TcpSocket::new_v6)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Returns a socket, made with `new_v6` for an address of IPv6, and the address to bind it to.
fn socket_for(
    address: SocketAddr,
    new_v6: impl FnOnce() -> io::Result<TcpSocket>,
) -> io::Result<(TcpSocket, SocketAddr)> {
    if address.is_ipv4() {
        return Ok((TcpSocket::new_v4()?, address));
    }
    match new_v6() {
        Ok(socket) => Ok((socket, address)),
        Err(_) if address.ip().is_unspecified() => {
            Ok((TcpSocket::new_v4()?, (Ipv4Addr::UNSPECIFIED, address.port()).into()))
        }
        Err(error) => Err(error),
    }
}

/// Takes connections until the drain begins. Each is shown what `shown` holds when it comes.
pub async fn serve(door: Arc<Door>, shown: latest::Receiver<Arc<server::Config>>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.drain.begun() => return,
        };
        match accepted {
            Ok((stream, from)) if door.startups.admits(from.ip()) => {
                let config = shown.borrow().clone();
                let connection = see_through(door.clone(), config, stream, from);
                door.drain.here().spawn(connection);
            }
            Ok((stream, _)) => {
                door.metrics.connection("has to wait");
                // As OpenSSH does, before anything is agreed on. Whoever doesn't take it at once is not waited for.
                let _ = stream.try_write(b"Not allowed at this time\r\n");
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                // Out of descriptors, most likely: others have to end first.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn see_through(door: Arc<Door>, config: Arc<server::Config>, stream: TcpStream, from: SocketAddr) {
    let number = door.numbers.next();
    let _ = stream.set_nodelay(true);
    // Ends the connection whatever its own task waits for.
    let Ok(sever) = stream.as_fd().try_clone_to_owned() else { return };
    let counted = crate::metrics::Counted::new(&door.metrics.startups);
    let pass = Arc::new(Pass::new(number, from, door.startups.enter(number)));
    let visitor = Visitor::new(door.clone(), pass.clone());
    let leave = told_to_go(&door, &pass, counted);
    tokio::pin!(leave);
    let running = tokio::select! {
        running = server::run_stream(config, Unblocked::new(stream), visitor) => running,
        why = &mut leave => return account(&door, &pass, &Ok(()), Some(&why)),
    };
    let (outcome, why) = match running {
        Err(error) => (Err(error), None),
        Ok(mut running) => {
            pass.reached(Stage::Greeted);
            let handle = running.handle();
            tokio::select! {
                outcome = &mut running => (outcome, None),
                why = &mut leave => (end(running, handle, &sever, &why).await, Some(why)),
            }
        }
    };
    account(&door, &pass, &outcome, why.as_ref());
}

/// Returns when the connection has to end.
async fn told_to_go(door: &Door, pass: &Pass, startup: crate::metrics::Counted) -> Leave {
    tokio::select! {
        () = pass.entered() => {}
        () = sleep(door.login_grace) => return Leave::Grace,
        () = pass.evicted() => return Leave::Evicted,
        () = door.drain.over().cancelled() => return Leave::Over,
    }
    drop(startup);
    tokio::select! {
        () = forbidden(door, pass) => Leave::Forbidden,
        () = door.drain.over().cancelled() => Leave::Over,
    }
}

/// Returns when the user would not be let in any more.
async fn forbidden(door: &Door, pass: &Pass) {
    let Some(visit) = pass.visit() else { return };
    let (mut users, mut authorities) = (door.directory.watch_users(), door.authorities.watch());
    loop {
        users.mark_unchanged();
        authorities.mark_unchanged();
        if !visit.identity().still_holds(&door.directory, &door.authorities) {
            return;
        }
        tokio::select! {
            changed = users.changed() => if changed.is_err() { return },
            changed = authorities.changed() => if changed.is_err() { return },
        }
    }
}

/// Ends a connection: with a word, if the client listens.
async fn end(
    mut running: server::RunningSession<Visitor>,
    handle: server::Handle,
    sever: &OwnedFd,
    why: &Leave,
) -> Result<(), russh::Error> {
    let text = match why {
        Leave::Grace => "devplat: the login took too long",
        Leave::Evicted => "devplat: too many connections that do not log in",
        Leave::Forbidden => "devplat: what let you in does so no more",
        Leave::Over => "devplat: this bastion ends; connect again",
    };
    let said = handle.disconnect(Disconnect::ByApplication, text.into(), "en".into());
    let _ = timeout(LAST, said).await;
    if let Ok(outcome) = timeout(LAST, &mut running).await {
        return outcome;
    }
    let _ = rustix::net::shutdown(sever, rustix::net::Shutdown::Both);
    timeout(LAST, running).await.unwrap_or(Ok(()))
}

/// Writes down what became of it, and remembers what was wrong with it.
fn account(door: &Door, pass: &Pass, outcome: &Result<(), russh::Error>, leave: Option<&Leave>) {
    let crashed = matches!(outcome, Err(russh::Error::Join(_)));
    if crashed {
        tracing::error!(connection = pass.number(), "the connection's task failed");
        door.startups.penalize(pass.from().ip(), Misdeed::Crash);
    }
    let why = match (leave, outcome) {
        (Some(Leave::Grace), _) => "login took too long",
        (Some(Leave::Evicted), _) => "made room",
        (Some(Leave::Forbidden), _) => "key or user taken away",
        (Some(Leave::Over), _) => "drained",
        (None, Ok(())) => "left",
        (None, Err(russh::Error::KeepaliveTimeout)) => "no sign of life",
        (None, Err(_)) => "lost",
    };
    if let Some(visit) = pass.visit() {
        visit.ended().cancel();
        door.metrics.connection("logged in");
        door.audit.note(Event::Logout {
            connection: pass.number(),
            user: visit.user().to_owned(),
            why: why.to_owned(),
            seconds: visit.duration().as_secs(),
        });
        return;
    }
    let denied = pass.denied();
    let crowded = denied.as_ref().is_some_and(|denied| denied.why == Denial::Crowded);
    door.metrics.connection(match (leave, crowded) {
        (Some(_), _) => why,
        (None, true) => "too many of the user",
        (None, false) => "not logged in",
    });
    if let Some(Denied { user, why }) = denied {
        door.audit.note(Event::Refused {
            connection: pass.number(),
            from: pass.from(),
            user,
            why: why.to_string(),
        });
    }
    let misdeed = match leave {
        Some(Leave::Grace) => Some(Misdeed::GraceExceeded),
        // Not their fault.
        Some(Leave::Evicted | Leave::Forbidden | Leave::Over) => None,
        None => pass.misdeed(),
    };
    if let Some(misdeed) = misdeed {
        door.startups.penalize(pass.from().ip(), misdeed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_those_of_ipv4_where_a_kernel_has_no_ipv6() {
        let without = || Err(io::Error::from(io::ErrorKind::Unsupported));
        let all: SocketAddr = "[::]:2222".parse().unwrap();
        let (_, address) = socket_for(all, without).unwrap();
        assert_eq!(address.to_string(), "0.0.0.0:2222");
        // An address that the administrator named stays an error.
        assert!(socket_for("[::1]:2222".parse().unwrap(), without).is_err());
        // Any socket does here.
        let (_, address) = socket_for(all, TcpSocket::new_v4).unwrap();
        assert_eq!(address, all);
    }
}
