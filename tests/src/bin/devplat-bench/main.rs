//! Measures the figures of the README on this machine, each beside its named peer in the same run, as medians with
//! their spread. A missed goal does not change the exit status.

mod figure;
mod image;
mod kind;
mod local;
mod machine;
mod operator;
mod output;
mod ssh;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use figure::table;
use output::say;

/// Measure devplat on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Parts to measure; all of them if missing
    #[arg(value_enum)]
    what: Vec<What>,
    /// Number of runs of each pair
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Number of dev servers that are created together
    #[arg(long, default_value_t = 1000)]
    servers: usize,
    /// Idle time in which writes are counted, in minutes
    #[arg(long, default_value_t = 10)]
    idle_minutes: u64,
    /// Folder for the table
    #[arg(long, default_value = "bench-results")]
    to: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// `up`, `status`, `plan` and `destroy` on k3d and kind beside bare clusters, and the delivery of images
    Local,
    /// A dev server's start, and the operator's memory and image, on a kind cluster
    Kind,
    /// Logins and transfers over SSH beside OpenSSH's sshd
    Ssh,
    /// Many dev servers beside a plain client, on kwok's nodes
    Operator,
}

fn main() -> Result<()> {
    let Arguments { what, runs, servers, idle_minutes, to } = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let what = if what.is_empty() { vec![What::Local, What::Kind, What::Ssh, What::Operator] } else { what };
    for what in what {
        let (name, table) = match what {
            What::Local => ("local", runtime.block_on(local::measure(runs))?),
            What::Kind => ("kind", table(&runtime.block_on(kind::measure())?)),
            What::Ssh => ("ssh", table(&ssh::measure(runs)?)),
            What::Operator => {
                ("operator", table(&runtime.block_on(operator::measure(runs, servers, idle_minutes))?))
            }
        };
        let table = format!("{}\n{table}", machine::describe()?);
        say(&table);
        fs::create_dir_all(&to)?;
        let file = to.join(format!("{name}-{}.md", jiff::Timestamp::now().strftime("%Y-%m-%d-%H%M")));
        fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("written to {}", file.display()));
    }
    Ok(())
}
