//! The scripts of the repository, as far as they run without a change of the machine.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use devplat_tool::{Command, Surroundings};

use crate::machine::{Machine, run};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join(path)).unwrap()
}

/// Makes a copy of the repository in the machine's working folder with its scripts only, in which nothing is built.
fn copy(machine: &Machine) {
    fs::create_dir(machine.at("work/tests")).unwrap();
    for path in ["bench", "bootstrap", "tests/kubernetes"] {
        symlink(Path::new(REPOSITORY).join(path), machine.at("work").join(path)).unwrap();
    }
}

fn bash(machine: &Machine, path: &str) -> Command {
    Command::new("bash", &Surroundings::new([("PATH", path)], None))
        .env("HOME", machine.at("home").into_os_string())
        .folder(&machine.at("work"))
}

/// Returns the help of `./bench` on a machine that has no programs but bash and two of coreutils.
async fn help_of_bench(machine: &Machine) -> String {
    copy(machine);
    for name in ["bash", "cat", "dirname"] {
        symlink(Path::new("/usr/bin").join(name), machine.at("bin").join(name)).unwrap();
    }
    let command = bash(machine, machine.at("bin").to_str().unwrap());
    command.args(["bench", "--help"]).run().await.unwrap().stdout
}

/// Returns the options with a value that the help lists, and their defaults.
fn listed(help: &str) -> BTreeMap<String, String> {
    let lines = help.lines().filter_map(|line| line.trim().strip_prefix("--"));
    let options = lines.map(|line| {
        let name = line.split_whitespace().next().unwrap();
        let default = line.rsplit_once("(default: ").unwrap().1.trim_end_matches(')');
        (name.to_owned(), default.to_owned())
    });
    options.collect()
}

/// Returns the options of the program behind `./bench` and their defaults, from its source: building it takes minutes.
fn options_of_the_program() -> BTreeMap<String, String> {
    let source = read("tests/src/bin/devplat-bench/main.rs");
    let fields = source.split_once("struct Arguments {").unwrap().1.split_once("\n}").unwrap().0;
    let mut options = BTreeMap::new();
    let mut default = None;
    for line in fields.lines().map(str::trim) {
        if let Some(arguments) = line.strip_prefix("#[arg(long, ") {
            let value = arguments.trim_end_matches(")]").split_once(" = ").unwrap().1;
            default = Some(value.trim_matches('"').to_owned());
        } else if let (Some((name, _)), Some(default)) = (line.split_once(": "), default.take()) {
            options.insert(name.replace('_', "-"), default);
        }
    }
    options
}

#[tokio::test]
async fn help_of_bench_needs_no_build() {
    let machine = Machine::new();
    let help = help_of_bench(&machine).await;
    assert!(help.starts_with("usage: bench "), "{help}");
    assert!(!machine.at("work/target").exists() && machine.home().is_empty(), "{:?}", machine.home());
}

#[tokio::test]
async fn help_of_bench_lists_the_options_of_the_program() {
    let machine = Machine::new();
    let options = options_of_the_program();
    assert!(options.contains_key("runs"), "{options:?}");
    let help = help_of_bench(&machine).await;
    assert_eq!(listed(&help), options, "{help}");
}

#[tokio::test]
async fn help_of_bench_lists_the_parts_of_the_program() {
    let machine = Machine::new();
    let help = help_of_bench(&machine).await;
    let source = read("tests/src/bin/devplat-bench/main.rs");
    let variants = source.split_once("enum What {").unwrap().1.split_once("\n}").unwrap().0;
    let names = variants.lines().filter_map(|line| line.trim().strip_suffix(','));
    let parts: Vec<String> = names.map(str::to_lowercase).collect();
    assert!(parts.contains(&"local".to_owned()), "{parts:?}");
    let usage = parts.join("] [");
    assert!(help.starts_with(&format!("usage: bench [{usage}] [OPTION...]\n")), "{help}");
    for part in parts {
        assert!(help.lines().any(|line| line.starts_with(&format!("  {part} "))), "{part}: {help}");
    }
}

/// Calls a function of quickstart, without the script's last line, which begins the installation.
const INSTALL_PAGES: &str = r#"
sed '$d' "$REPOSITORY/quickstart" > quickstart
. ./quickstart
installed=$PROGRAMS pages=$PWD/pages share=$PWD/share
install_pages
"#;

#[tokio::test]
async fn quickstart_links_pages_and_completions_and_keeps_foreign_files() {
    let machine = Machine::new();
    copy(&machine);
    let foreign = machine.write("work/share/fish/vendor_completions.d/devplat.fish", "mine");
    fs::create_dir_all(machine.at("work/share/man/man1")).unwrap();
    let link = |to: &str, name: &str| {
        let link = machine.at("work/share/man/man1").join(name);
        symlink(machine.at(to), &link).unwrap();
        link
    };
    let gone = link("work/pages/man/man1/devplat-gone.1", "devplat-gone.1");
    let other = link("elsewhere", "devplat-other.1");
    // The second run finds everything as it is.
    for _ in 0..2 {
        let command = bash(&machine, "/usr/bin:/bin").args(["-c", INSTALL_PAGES]);
        let command =
            command.env("REPOSITORY", REPOSITORY).env("PROGRAMS", machine.at("programs").into_os_string());
        let (status, said) = run(command).await;
        assert_eq!(status, 0, "{said}");
        assert!(said.contains("devplat.fish is of other origin and stays"), "{said}");
        for (path, content) in [
            ("man/man1/devplat-up.1", "devplat up"),
            ("bash-completion/completions/devplat", "complete -F"),
            ("zsh/site-functions/_devplat", "#compdef devplat"),
        ] {
            let text = fs::read_to_string(machine.at("work/share").join(path)).unwrap();
            assert!(text.contains(content), "{path}: {text}");
        }
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "mine");
        assert!(gone.symlink_metadata().is_err(), "the page of a verb that no longer exists is left");
        assert!(other.symlink_metadata().is_ok(), "a foreign link is removed");
    }
}

/// Calls the function of quickstart that installs the commands, under an umask that closes new files to other accounts.
/// `$INSTALLED` is the folder that the links lead to.
const INSTALL_ALL: &str = r#"
umask 077
sed '$d' "$REPOSITORY/quickstart" > quickstart
. ./quickstart
links=$PWD/local/bin installed=$PWD/$INSTALLED built=$PWD/built pages=$PWD/local/lib/devplat/share
client_folder=$PWD/clients missing=(kind kubectl)
install_all
"#;
/// The folder with root's copies.
const COPIES: &str = "local/lib/devplat/bin";
/// The commands that a user types: devplat's own, and those that the machine lacks.
const COMMANDS: [&str; 4] = ["devplat", "devctl", "kind", "kubectl"];

/// Makes a copy of the repository, with built programs that only their owner may run.
fn build(machine: &Machine) {
    copy(machine);
    for name in ["devplat", "devplat-operator", "devplat-bastion", "devplat-agent", "devctl"] {
        rebuild(machine, &format!("work/built/{name}"), name);
    }
    for name in ["kind", "k3d", "kubectl"] {
        rebuild(machine, &format!("work/clients/{name}"), name);
    }
}

fn rebuild(machine: &Machine, path: &str, content: &str) {
    fs::set_permissions(machine.write(path, content), Permissions::from_mode(0o700)).unwrap();
}

async fn install(machine: &Machine, installed: &str) -> (i32, String) {
    let command = bash(machine, "/usr/bin:/bin").args(["-c", INSTALL_ALL]);
    run(command.env("REPOSITORY", REPOSITORY).env("INSTALLED", installed)).await
}

/// Returns the working folder as bash names it in `$PWD`.
fn work(machine: &Machine) -> PathBuf {
    fs::canonicalize(machine.at("work")).unwrap()
}

/// Returns the file that an installed command leads to.
fn target(machine: &Machine, name: &str) -> PathBuf {
    fs::read_link(machine.at("work/local/bin").join(name)).unwrap()
}

#[tokio::test]
async fn quickstart_of_root_copies_programs_for_all_accounts() {
    let machine = Machine::new();
    build(&machine);
    let copies = work(&machine).join(COPIES);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for content in ["devplat", "a later build"] {
        rebuild(&machine, "work/built/devplat", content);
        let (status, said) = install(&machine, COPIES).await;
        assert_eq!(status, 0, "{said}");
        assert_eq!(fs::read_to_string(copies.join("devplat")).unwrap(), content);
        for name in COMMANDS {
            assert_eq!(target(&machine, name), copies.join(name));
        }
        for name in COMMANDS.into_iter().chain(["devplat-operator", "devplat-bastion", "devplat-agent"]) {
            let copy = copies.join(name);
            assert!(fs::symlink_metadata(&copy).unwrap().is_file(), "{name} is not a copy");
            assert_eq!(mode(&copy), 0o755, "{name}");
        }
        for folder in ["local/bin", "local/lib/devplat", COPIES] {
            assert_eq!(mode(&machine.at("work").join(folder)), 0o755, "{folder}");
        }
        // The machine has a k3d of its own.
        assert!(!copies.join("k3d").exists());
    }
}

#[tokio::test]
async fn quickstart_of_another_account_links_to_its_build() {
    let machine = Machine::new();
    build(&machine);
    let (status, said) = install(&machine, "built").await;
    assert_eq!(status, 0, "{said}");
    for name in ["devplat", "devctl"] {
        assert_eq!(target(&machine, name), work(&machine).join("built").join(name));
    }
    for name in ["kind", "kubectl"] {
        assert_eq!(target(&machine, name), work(&machine).join("clients").join(name));
    }
    assert!(!machine.at("work").join(COPIES).exists());
}

/// An earlier quickstart linked the commands from root's own folder, which may come first on the PATH.
#[tokio::test]
async fn quickstart_of_root_removes_only_its_own_old_links() {
    let machine = Machine::new();
    build(&machine);
    fs::create_dir_all(machine.at("home/.local/bin")).unwrap();
    let old = |name: &str| machine.at("home/.local/bin").join(name);
    for (name, to) in [
        ("devplat", work(&machine).join("built/devplat")),
        ("kind", machine.at("home/.cache/devplat/binaries/kind")),
        ("devctl", machine.at("elsewhere/devctl")),
    ] {
        symlink(to, old(name)).unwrap();
    }
    fs::write(old("kubectl"), "mine").unwrap();
    let (status, said) = install(&machine, COPIES).await;
    assert_eq!(status, 0, "{said}");
    for name in ["devplat", "kind"] {
        assert!(old(name).symlink_metadata().is_err(), "the old link {name} is left");
    }
    assert_eq!(fs::read_link(old("devctl")).unwrap(), machine.at("elsewhere/devctl"));
    assert_eq!(fs::read_to_string(old("kubectl")).unwrap(), "mine");
}

#[tokio::test]
async fn quickstart_keeps_a_foreign_file_in_place_of_a_command() {
    let machine = Machine::new();
    build(&machine);
    let foreign = machine.write("work/local/bin/kubectl", "mine");
    for installed in [COPIES, "built"] {
        let (status, said) = install(&machine, installed).await;
        assert_eq!(status, 3, "{said}");
        let why = "local/bin/kubectl exists and is not a link\nhint: move it away, then run the same command";
        assert!(said.contains(why), "{said}");
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "mine");
        // Nothing else is installed either.
        assert!(!machine.at("work").join(COPIES).exists());
        assert_eq!(fs::read_dir(machine.at("work/local/bin")).unwrap().count(), 1);
    }
}
