//! The arguments of `./bench`, which are checked before anything is installed.

use std::{os::unix::fs::symlink, path::Path};

use devplat_tool::{Command, Surroundings};

use crate::machine::{Machine, run};

const BENCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench");

/// Returns a machine that has no programs but bash and two of coreutils, so that the script can install nothing.
fn bare() -> Machine {
    let machine = Machine::new();
    for name in ["bash", "cat", "dirname"] {
        symlink(Path::new("/usr/bin").join(name), machine.at("bin").join(name)).unwrap();
    }
    machine
}

fn bench(machine: &Machine, args: &[&str]) -> Command {
    let only = Surroundings::new([("PATH", machine.at("bin"))], None);
    Command::new("bash", &only)
        .arg(BENCH)
        .args(args.iter().copied())
        .env("HOME", machine.at("home").into_os_string())
        .folder(&machine.at("work"))
}

#[tokio::test]
async fn bench_refuses_mistakes_before_it_installs_anything() {
    let machine = bare();
    let mistakes: [(&[&str], &str); 10] = [
        (&["lokal"], "there is no part \"lokal\""),
        (&["local", "--rnus", "3"], "unknown option --rnus"),
        (&["-r", "3"], "unknown option -r"),
        (&["--runs"], "--runs needs a value"),
        (&["--runs", "many"], "--runs is \"many\", not an integer from 1"),
        (&["--servers=0"], "--servers is \"0\", not an integer from 1"),
        (&["--idle-minutes", "1.5"], "--idle-minutes is \"1.5\", not a number of minutes"),
        (&["--runs", "3", "--runs=4"], "--runs is given twice"),
        (&["--to="], "--to needs the name of a folder"),
        (&["--to", "--runs", "3"], "--to needs the name of a folder"),
    ];
    for (args, why) in mistakes {
        let (status, said) = run(bench(&machine, args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        let wanted = format!("error: {why}\nhint: `./bench --help` lists the parts and the options");
        assert_eq!(said.trim(), wanted, "{args:?}");
    }
    assert!(machine.home().is_empty(), "{:?}", machine.home());
}

#[tokio::test]
async fn bench_accepts_everything_that_its_help_lists() {
    let machine = bare();
    let help = bench(&machine, &["--help"]).run().await.unwrap().stdout;
    let usage = help.lines().next().unwrap();
    let in_brackets = usage.split_whitespace().filter_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
    let mut args: Vec<&str> = in_brackets.filter(|word| word.chars().all(char::is_lowercase)).collect();
    assert!(args.contains(&"local"), "{usage}");
    for line in help.lines().map(str::trim).filter(|line| line.starts_with("--")) {
        let default = line.rsplit_once("(default: ").unwrap().1.trim_end_matches(')');
        args.extend([line.split_whitespace().next().unwrap(), default]);
    }
    assert!(args.contains(&"--runs"), "{args:?}");
    // It goes on to the programs that this machine lacks.
    let (status, said) = run(bench(&machine, &args)).await;
    assert_eq!(status, 3, "{args:?}: {said}");
}
