//! What others reach a dev server by: SSH and a little HTTP, in threads beside PID 1. Whatever goes wrong here is said
//! in the log and in `/readyz`, and tried again; it never ends PID 1.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::{
    activity::Activity,
    children::Children,
    http,
    listener::bind,
    log::say,
    readiness::Readiness,
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

/// The running front.
pub(crate) struct Front {
    runtime: Runtime,
    stop: CancellationToken,
    end: CancellationToken,
    activity: Arc<Activity>,
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
        let http_tried = CancellationToken::new();
        runtime.spawn(answer_http(http, readiness.clone(), activity.clone(), http_tried.clone()));
        let site = Site { children, activity: activity.clone(), end: end.clone() };
        let accepting = accept_ssh(ssh, site, readiness, stop.clone());
        runtime.spawn(async move {
            // A platform's proof takes an answer over SSH as the sign that the port of HTTP is open as well.
            http_tried.cancelled().await;
            accepting.await;
        });
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

/// Opens the port of HTTP, cancels `tried` after the first attempt, and answers there.
async fn answer_http(
    listen: SocketAddr,
    readiness: Arc<Readiness>,
    activity: Arc<Activity>,
    tried: CancellationToken,
) {
    let mut said = String::new();
    loop {
        let bound = bind(listen).await;
        tried.cancel();
        let error = match bound {
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
