//! What `-v` tells besides: the commands that are run, then everything.

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// What `DEVPLAT_LOG` asks for, or else so many `-v`.
pub(super) fn filter(verbose: u8) -> EnvFilter {
    EnvFilter::try_from_env("DEVPLAT_LOG").unwrap_or_else(|_| EnvFilter::new(level(verbose)))
}

fn level(verbose: u8) -> &'static str {
    match verbose {
        0 => "off",
        1 => "devplat=debug",
        _ => "debug",
    }
}

/// Writes what passes `filter`, a line each.
pub(super) fn to<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).finish()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::Arc,
    };

    use super::*;
    use crate::process::Command;

    /// What is written while two commands run, the second of which is not there.
    fn written(verbose: u8) -> String {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let subscriber = to(EnvFilter::new(level(verbose)), Arc::clone(&file));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                Command::new("sh").args(["-c", "exit 0"]).run().await.unwrap();
                Command::new("devplat-no-such-program").arg("--now").run().await.unwrap_err();
            });
            tracing::debug!(target: "hyper", "somebody else's");
        });
        let mut text = String::new();
        (&*file).rewind().unwrap();
        (&*file).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn one_v_shows_the_commands_that_are_run_and_two_show_everything() {
        let [none, one, two] = [0, 1, 2].map(written);
        assert_eq!(none, "");
        for shown in [&one, &two] {
            assert!(shown.contains("sh -c exit 0"), "{shown}");
            assert!(shown.contains("devplat-no-such-program --now"), "{shown}");
        }
        assert!(!one.contains("somebody else's"), "{one}");
        assert!(two.contains("somebody else's"), "{two}");
    }
}
