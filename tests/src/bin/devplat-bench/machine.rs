//! A description of the measured machine.

use std::{fs, thread};

use anyhow::{Context, Result};

/// Returns processor, cores, memory and kernel, without the machine's name.
pub(crate) fn describe() -> Result<String> {
    let cpu = line("/proc/cpuinfo", "model name")?;
    let memory: u64 = line("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = thread::available_parallelism()?;
    Ok(format!(
        "{cpu}, {cores} cores, {} GiB, Linux {}; {}\n",
        memory / 1024 / 1024,
        kernel.trim(),
        jiff::Timestamp::now().strftime("%Y-%m-%d")
    ))
}

fn line(file: &str, key: &str) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let found = text.lines().find_map(|line| line.strip_prefix(key)?.split_once(':'));
    Ok(found.with_context(|| format!("{file} has no {key}"))?.1.trim().to_owned())
}
