//! The program's command line: the SSH front door, and the program that runs devctl beside it.

use std::{error::Error as StdError, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use devplat_api::name;
use kube::Client;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    Config,
    devctl::{self, Enter, Runner, runner},
};

/// The way to dev servers by SSH.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve SSH until SIGTERM
    Serve(Box<Config>),
    /// Start devctl for the bastion until SIGTERM
    Runner(Runner),
    /// Become devctl
    #[command(hide = true)]
    Enter(Enter),
    /// Try whether a TCP connection from this pod is possible: exits with 0 if it is, with 3 if not
    #[command(hide = true)]
    TryConnect(Peer),
}

/// The peer of a connection that is only tried.
#[derive(clap::Args)]
struct Peer {
    /// Its address
    address: std::net::IpAddr,
    /// Its port
    port: u16,
}

/// How long a tried connection may take. In a pod network it takes milliseconds.
const TRY: Duration = Duration::from_secs(1);
/// How long a connection to the API server may take.
const CONNECT: Duration = Duration::from_secs(3);

type Outcome = Result<(), Box<dyn StdError>>;

/// Runs the program. It is part of the library so that its futures are compiled once, and not again for `main.rs`.
pub fn main() -> ExitCode {
    let outcome = match Program::parse().verb {
        Verb::Serve(config) => Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(serve(*config))),
        Verb::Runner(runner) => Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| runtime.block_on(run(runner))),
        Verb::Enter(enter) => Err(devctl::enter(&enter).into()),
        Verb::TryConnect(Peer { address, port }) => {
            return match std::net::TcpStream::connect_timeout(&(address, port).into(), TRY) {
                Ok(_) => ExitCode::SUCCESS,
                Err(_) => ExitCode::from(name::NOT_CONNECTED),
            };
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> Outcome {
    log();
    let mut cluster = kube::Config::infer().await?;
    // Where a Service's address leads nowhere yet, packets may vanish.
    cluster.connect_timeout = Some(CONNECT);
    let server = cluster.cluster_url.to_string();
    let client = Client::try_from(cluster)?;
    Ok(crate::run(config, client, server, end()?).await?)
}

async fn run(runner: Runner) -> Outcome {
    log();
    Ok(runner::serve(runner, end()?).await?)
}

/// To standard error: standard output is the audit log's.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,russh=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).json().init();
}

/// Is cancelled by SIGTERM and SIGINT.
fn end() -> std::io::Result<CancellationToken> {
    let end = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = end.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("told to end");
        token.cancel();
    });
    Ok(end)
}

#[expect(clippy::print_stderr, reason = "the last word of a program that ends with an error")]
fn tell(error: &dyn StdError) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
}
