//! The figures of the README, measured on this machine: each beside its named peer in the same run, as medians with
//! their spread. Nothing here passes or fails.

mod figure;
mod image;
mod kind;
mod machine;
mod operator;
mod ssh;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

/// Measure devplat on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; everything where missing
    #[arg(value_enum)]
    what: Vec<What>,
    /// How often each pair is measured
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// How many dev servers are made at once
    #[arg(long, default_value_t = 1000)]
    servers: usize,
    /// How long nothing happens before writes are counted, in minutes
    #[arg(long, default_value_t = 10)]
    idle_minutes: u64,
    /// Where the table goes
    #[arg(long, default_value = "bench-results")]
    to: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// `up`, `up` again and `destroy` beside kind itself, and a dev server's start
    Kind,
    /// The way in over SSH beside OpenSSH's sshd
    Ssh,
    /// Many dev servers beside a plain client, on kwok's nodes
    Operator,
}

/// The only place that prints.
#[expect(clippy::print_stdout, reason = "the program's answer")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

fn main() -> Result<()> {
    let Arguments { what, runs, servers, idle_minutes, to } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let what = if what.is_empty() { vec![What::Kind, What::Ssh, What::Operator] } else { what };
    for what in what {
        let (name, figures) = match what {
            What::Kind => ("kind", runtime.block_on(kind::measure(runs))?),
            What::Ssh => ("ssh", ssh::measure(runs)?),
            What::Operator => ("operator", runtime.block_on(operator::measure(runs, servers, idle_minutes))?),
        };
        let table = format!("{}\n{}", machine::describe()?, figure::table(&figures));
        say(&table);
        fs::create_dir_all(&to)?;
        let file = to.join(format!("{name}-{}.md", jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M")));
        fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("written to {}", file.display()));
    }
    Ok(())
}
