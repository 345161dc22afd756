//! The program's command line: reads its environment, and runs the operator until SIGTERM or SIGINT.

use std::{error::Error as StdError, process::ExitCode};

use clap::{Parser, Subcommand};
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{Config, Error, run};

/// Makes a cluster look as its DevServers, DevServerFlavors and DevUsers ask for.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run until SIGTERM
    Run(Box<Config>),
    /// Print the CRDs as YAML
    Crds,
}

/// How long a connection to the API server may take.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(3);

/// Runs the program with one thread: it mostly waits, and each thread's memory would count a thousand times over.
///
/// It is part of the library so that its futures are compiled once, and not again for `main.rs`.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> ExitCode {
    let outcome = match Program::parse().verb {
        Verb::Run(config) => operate(*config).await,
        Verb::Crds => print_crds(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn operate(config: Config) -> Result<(), Box<dyn StdError>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).json().init();
    let client = client().await.map_err(Error::Cluster)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    Ok(run(config, client, shutdown).await?)
}

async fn client() -> Result<Client, Box<dyn StdError + Send + Sync>> {
    let mut config = kube::Config::infer().await?;
    // Where a Service's address leads nowhere yet, packets may vanish.
    config.connect_timeout = Some(CONNECT);
    Ok(Client::try_from(config)?)
}

async fn cancel_on_signal(shutdown: CancellationToken) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to end");
    shutdown.cancel();
}

#[expect(clippy::print_stdout, reason = "the verb prints, and nothing else here does")]
fn print_crds() -> Result<(), Box<dyn StdError>> {
    for crd in devplat_api::crds() {
        println!("---\n{}", serde_saphyr::to_string(&crd)?);
    }
    Ok(())
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
