//! The log of `-v`, which has the commands that are run, and of `-vv`, which has everything.

use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Returns the filter of `DEVPLAT_LOG`, or else of this number of `-v`.
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

/// Returns a subscriber that writes the events that pass `filter`, one per line, in colours if a terminal shows them.
pub(super) fn to<W>(filter: EnvFilter, writer: W, colours: bool) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(colours).finish()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Seek},
        sync::Arc,
    };

    use super::*;
    use devplat_tool::{Command, Surroundings};

    /// Returns the log of two commands, the second of which is not installed.
    fn written(verbose: u8) -> String {
        let own = Surroundings::new(std::env::vars_os(), None);
        let file = Arc::new(tempfile::tempfile().unwrap());
        let subscriber = to(EnvFilter::new(level(verbose)), Arc::clone(&file), false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            runtime.block_on(async {
                Command::new("sh", &own).args(["-c", "exit 0"]).run().await.unwrap();
                Command::new("devplat-no-such-program", &own).arg("--now").run().await.unwrap_err();
            });
            tracing::debug!(target: "hyper", "somebody else's");
        });
        let mut text = String::new();
        (&*file).rewind().unwrap();
        (&*file).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn one_v_logs_commands_and_two_log_everything() {
        let [none, one, two] = [0, 1, 2].map(written);
        assert_eq!(none, "");
        assert!(!two.contains('\u{1b}'), "colours in a file: {two}");
        for shown in [&one, &two] {
            assert!(shown.contains("sh -c exit 0"), "{shown}");
            assert!(shown.contains("devplat-no-such-program --now"), "{shown}");
        }
        assert!(!one.contains("somebody else's"), "{one}");
        assert!(two.contains("somebody else's"), "{two}");
    }
}
