//! The platform's SSH front door: who are you, where may you go. It runs no shell and has no users of its own; it leads
//! to dev servers and to devctl.

pub mod audit;
pub mod auth;
pub mod config;
pub mod devctl;
pub mod directory;
pub mod door;
pub mod drain;
mod http;
pub mod keys;
pub mod login;
pub mod metrics;
pub mod policy;
pub mod program;
mod relay;
pub mod serve;
mod session;
pub mod startups;

use std::{error::Error as StdError, io, sync::Arc, time::Duration};

use kube::Client;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use keys::NAME;
pub use relay::{Dialer, Target};

use audit::Audit;
use auth::Authorities;
use devctl::{Devctl, Tokens};
use directory::Directory;
use door::{Door, Guests, Numbers};
use drain::Drain;
use keys::{Backend, Host, Keys};
use startups::Startups;

/// How often files are read again that Kubernetes changes in place.
const REREAD: Duration = Duration::from_secs(3);
/// How long those may take who are ended when the time is over.
const LAST: Duration = Duration::from_secs(5);

/// Why the bastion does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its keys.
    #[error("the bastion's keys cannot be used")]
    Keys(#[from] keys::KeysError),
    /// Authorities of users.
    #[error("the authorities of users cannot be used")]
    Authorities(#[from] auth::InvalidAuthorities),
    /// A port.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A thread for the log.
    #[error("cannot start the audit log")]
    Audit(#[source] io::Error),
    /// What is served over HTTP.
    #[error("the server of health and metrics failed")]
    Http(#[source] io::Error),
}

/// Runs until `end`, and then until everybody has left or the time for that is over.
pub async fn run(
    config: Config,
    client: Client,
    api_server: String,
    end: CancellationToken,
) -> Result<(), Error> {
    let Keys { host, backend } = Keys::read(&config.keys, &config.host_authority)?;
    let authorities = Arc::new(Authorities::read(&config.user_ca, config.user_revoked.as_deref())?);
    let directory = Arc::new(Directory::default());
    let devctl = config.runner.clone().map(|runner| Devctl {
        runner,
        server: config.devctl_server.clone().unwrap_or(api_server),
        ca_file: config.devctl_ca_file.clone(),
        host: config.host.clone(),
        platform: config.platform.clone(),
        tokens: Tokens::of(client.clone()),
    });
    let door = Arc::new(Door {
        directory: directory.clone(),
        authorities: authorities.clone(),
        audit: Audit::stdout().map_err(Error::Audit)?,
        metrics: metrics::Metrics::default(),
        drain: Drain::default(),
        dialer: Dialer::following(backend.now()),
        devctl,
        startups: Startups::new(config.penalty_exempt.clone()),
        login_grace: policy::LOGIN_GRACE,
        guests: Guests::new(config.sessions_per_user),
        numbers: Numbers::default(),
    });
    let shown = host.shown();
    let listener = listen(config.listen)?;
    let http_listener = listen(config.http_listen)?;
    let watching = tokio::spawn(directory::watch::watch(client, directory));
    let rereading = tokio::spawn(reread(authorities, host, backend));
    let http_end = CancellationToken::new();
    let http = tokio::spawn(http::serve(http_listener, door.clone(), http_end.clone()));
    serve_until(door, shown, listener, config.drain, end).await;
    http_end.cancel();
    watching.abort();
    rereading.abort();
    http.await.unwrap_or(Ok(())).map_err(Error::Http)
}

/// Serves SSH on `listener` until `end`, with what `shown` holds when somebody comes; then lets those who are here stay for `grace`.
pub async fn serve_until(
    door: Arc<Door>,
    shown: watch::Receiver<Arc<russh::server::Config>>,
    listener: TcpListener,
    grace: Duration,
    end: CancellationToken,
) {
    let begin = async {
        end.cancelled().await;
        door.drain.begin();
    };
    // Nobody is told no because the list of users is not there yet.
    let serving = async {
        tokio::select! {
            () = door.directory.completed() => {}
            () = door.drain.begun() => return,
        }
        tracing::info!("users and dev servers are known; the door is open");
        serve::serve(door.clone(), shown, listener).await;
    };
    tokio::join!(begin, serving);
    tracing::info!(here = door.drain.here().len(), seconds = grace.as_secs(), "draining");
    let ended = door.drain.wait(grace, LAST).await;
    tracing::info!(ended, "drained");
}

fn listen(address: std::net::SocketAddr) -> Result<TcpListener, Error> {
    serve::listen(address).map_err(|source| Error::Listen { address, source })
}

/// Follows the files that Kubernetes changes in place.
async fn reread(authorities: Arc<Authorities>, host: Host, backend: Backend) {
    let mut tick = tokio::time::interval(REREAD);
    let (mut users, mut own, mut dialed) = (Told::default(), Told::default(), Told::default());
    loop {
        tick.tick().await;
        users.tell("authorities of users stay as they were", authorities.reread());
        own.tell("the host key and its certificate stay as they were", host.reread());
        dialed.tell("the authorities of dev servers stay as they were", backend.reread());
    }
}

/// What was told last, so that what stays wrong is told once.
#[derive(Default)]
struct Told(String);

impl Told {
    fn tell<E: StdError + 'static>(&mut self, what: &str, outcome: Result<(), E>) {
        match outcome {
            Ok(()) => self.0.clear(),
            Err(error) => {
                let text = error.to_string();
                if text != self.0 {
                    tracing::warn!(error = &error as &dyn StdError, "{what}");
                    self.0 = text;
                }
            }
        }
    }
}
