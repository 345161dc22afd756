//! What others reach a dev server by: SSH and a little HTTP, in threads beside PID 1. Whatever goes wrong here is said
//! in the log and in `/readyz`, and tried again; it never ends PID 1.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::{
    activity::Activity,
    children::Children,
    http,
    init::say,
    ssh::{self, Site},
};

/// Threads that move bytes. Two, so that reading from a program and encrypting go on at once.
const WORKERS: usize = 2;
/// How long a thread that did something blocking stays for the next such thing.
const THREAD_IDLE: Duration = Duration::from_secs(5);
/// Time between tries to open a port.
const RETRY: Duration = Duration::from_secs(2);
/// How long clients get to take what is on its way to them, once all processes have ended.
const FAREWELL: Duration = Duration::from_millis(500);

/// Where everything is.
pub(crate) struct Settings {
    /// SSH's own.
    pub(crate) ssh: ssh::Settings,
    /// Where HTTP listens.
    pub(crate) http: SocketAddr,
}

/// Why SSH does not answer; nothing if it does.
pub(crate) struct Readiness(watch::Sender<Option<String>>);

/// The running front.
pub(crate) struct Front {
    runtime: Runtime,
    stop: CancellationToken,
    end: CancellationToken,
    activity: Arc<Activity>,
}

impl Readiness {
    fn new() -> Self {
        Self(watch::Sender::new(Some("SSH is not up yet".to_owned())))
    }

    /// Why not, if not.
    pub(crate) fn obstacle(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Returns once SSH accepts connections.
    pub(crate) async fn reached(&self) {
        // The sender is ours, so it is there as long as we are.
        let _ = self.0.subscribe().wait_for(Option::is_none).await;
    }

    /// SSH accepts connections.
    pub(crate) fn ready(&self) {
        self.set(None);
    }

    /// SSH does not; a reason that is new goes to the log.
    pub(crate) fn not_ready(&self, why: String) {
        if self.obstacle().as_ref() != Some(&why) {
            say(&why);
        }
        self.set(Some(why));
    }

    fn set(&self, obstacle: Option<String>) {
        self.0.send_replace(obstacle);
    }
}

impl Front {
    /// Starts both servers.
    pub(crate) fn start(settings: Settings, children: Arc<Children>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("front")
            .thread_keep_alive(THREAD_IDLE)
            .enable_all()
            .build()?;
        let (stop, end) = (CancellationToken::new(), CancellationToken::new());
        let activity = Arc::new(Activity::default());
        let readiness = Arc::new(Readiness::new());
        let Settings { ssh, http } = settings;
        runtime.spawn(answer_http(http, readiness.clone(), activity.clone()));
        let site = Site { children, activity: activity.clone(), end: end.clone() };
        runtime.spawn(accept_ssh(ssh, site, readiness, stop.clone()));
        Ok(Self { runtime, stop, end, activity })
    }

    /// No new connections; what there is goes on.
    pub(crate) fn stop_accepting(&self) {
        self.stop.cancel();
    }

    /// Ends all connections, after a moment for what is on its way.
    pub(crate) fn end(self) {
        let Self { runtime, stop: _, end, activity } = self;
        runtime.block_on(async {
            let mut left = FAREWELL.as_millis() / 20;
            tokio::time::sleep(FAREWELL / 10).await;
            end.cancel();
            while activity.connections() > 0 && left > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                left -= 1;
            }
        });
        runtime.shutdown_background();
    }
}

async fn accept_ssh(settings: ssh::Settings, site: Site, readiness: Arc<Readiness>, stop: CancellationToken) {
    let site = Arc::new(site);
    loop {
        let served = ssh::serve(&settings, &site, &readiness);
        tokio::select! {
            outcome = served => {
                let Err(error) = outcome;
                readiness.not_ready(format!("SSH does not answer: {error:#}"));
            }
            () = stop.cancelled() => {
                readiness.not_ready("the dev server is stopping".to_owned());
                return;
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn answer_http(listen: SocketAddr, readiness: Arc<Readiness>, activity: Arc<Activity>) {
    let mut said = String::new();
    loop {
        let error = match bind(listen).await {
            Ok(listener) => http::serve(listener, readiness.clone(), activity.clone()).await,
            Err(error) => error,
        };
        let line = format!("HTTP does not answer: cannot listen on {listen}: {error}");
        if line != said {
            say(&line);
            said = line;
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Listens on `address`; where a kernel has no IPv6, "all addresses" are those of IPv4.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_asks_before_ssh_is_up_is_told_as_soon_as_it_is() {
        let readiness = Arc::new(Readiness::new());
        let asked = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.reached().await }
        });
        tokio::task::yield_now().await;
        assert!(!asked.is_finished());
        readiness.ready();
        asked.await.unwrap();
        assert_eq!(readiness.obstacle(), None);
        readiness.not_ready("the dev server is stopping".to_owned());
        assert_eq!(readiness.obstacle().as_deref(), Some("the dev server is stopping"));
    }
}
