//! A machine for one test: a folder with devplat and its programs, an empty home, and a folder that is first on the
//! PATH.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::{Duration, Instant},
};

use devplat_tool::{
    Command, Surroundings,
    process::{ChildEnd, Error, Output},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) struct Machine {
    folder: tempfile::TempDir,
}

/// A running devplat.
pub(crate) struct Running {
    pid: Pid,
    task: JoinHandle<Result<Output, Error>>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        // On the file system of the programs, because hard links cannot cross file systems.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let machine = Self { folder };
        for name in ["programs", "home", "bin", "work"] {
            fs::create_dir(machine.at(name)).unwrap();
        }
        // devplat finds the other programs in its own folder.
        fs::hard_link(env!("CARGO_BIN_EXE_devplat"), machine.at("programs/devplat")).unwrap();
        for other in ["devplat-operator", "devplat-bastion", "devplat-agent", "devctl"] {
            fs::write(machine.at("programs").join(other), other).unwrap();
        }
        machine
    }

    /// Returns a path on the machine.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file, with its folders.
    pub(crate) fn write(&self, path: &str, text: &str) -> PathBuf {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    }

    /// Writes a script in place of a program that devplat calls.
    pub(crate) async fn program(&self, name: &str, script: &str) {
        // A child process writes the file, because Linux refuses to start a file that is open for writing.
        let place = self.at("bin").join(name);
        let write = format!("cat > '{0}' && chmod 755 '{0}'", place.display());
        let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
        let text = format!("#!/bin/sh\n{script}\n");
        Command::new("sh", &shell).args(["-c", &write]).stdin(text).run().await.unwrap();
    }

    /// Writes scripts in place of kind, k3d and Docker's command that are new enough and create nothing.
    pub(crate) async fn local_programs(&self) {
        for program in ["kind", "docker"] {
            self.program(program, "echo 0.31.0").await;
        }
        let k3d = r#"[ "$1" = version ] && echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}'"#;
        self.program("k3d", k3d).await;
    }

    /// Writes the decisions of the platform `devplat`, with the journal of a run that made no call, and returns the file of
    /// the decisions.
    pub(crate) fn remember(&self, decisions: &serde_json::Value) -> PathBuf {
        let folder = self.at("home/.local/state/devplat/devplat");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        let file = folder.join("decisions.json");
        fs::write(&file, decisions.to_string()).unwrap();
        // Without a journal, `destroy` would wait 5 s.
        fs::write(folder.join("journal.jsonl"), "{\"version\":2}\n").unwrap();
        file
    }

    /// Returns devplat with these arguments, without variables of the shell that runs the test.
    pub(crate) fn devplat(&self, args: &[&str]) -> Command {
        Command::new(self.at("programs/devplat").to_str().unwrap(), &self.surroundings())
            .args(args.iter().copied())
            .env("HOME", self.at("home").into_os_string())
            .folder(&self.at("work"))
    }

    /// Returns the whole output of devplat with these variables, with any exit status.
    pub(crate) async fn all_output(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let (out, err) = (self.at("stdout"), self.at("stderr"));
        let script = format!("\"$@\" 2> '{}' | cat > '{}'", err.display(), out.display());
        self.in_shell(&script, args, variables).run().await.unwrap();
        Output { stdout: fs::read_to_string(out).unwrap(), stderr: fs::read_to_string(err).unwrap() }
    }

    /// Waits for a condition.
    pub(crate) async fn until(&self, shows: impl Fn() -> bool) {
        let begun = Instant::now();
        while !shows() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it does not show");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts devplat, which ends by itself or by a signal.
    pub(crate) async fn start(&self, args: &[&str]) -> Running {
        self.start_with(args, &[]).await
    }

    /// Starts devplat with these variables.
    pub(crate) async fn start_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Running {
        self.start_by("", args, variables).await
    }

    /// Starts devplat by a program that executes it, such as `nohup`.
    pub(crate) async fn start_by(&self, by: &str, args: &[&str], variables: &[(&str, &str)]) -> Running {
        let command = self.in_shell(&format!("echo $$ >&2; exec {by} \"$@\""), args, variables);
        let (send, pid) = oneshot::channel();
        let mut send = Some(send);
        let task = tokio::spawn(command.run_telling(move |line| {
            if let Some(send) = send.take() {
                let _ = send.send(line.trim().parse::<i32>().unwrap());
            }
        }));
        Running { pid: Pid::from_raw(pid.await.unwrap()).unwrap(), task }
    }

    /// Runs a shell script whose arguments are devplat's command line.
    pub(crate) fn in_shell(&self, script: &str, args: &[&str], variables: &[(&str, &str)]) -> Command {
        Command::new("sh", &self.surroundings())
            .args(["-c", script, "sh"])
            .arg(self.at("programs/devplat"))
            .args(args.iter().copied())
            .env("HOME", self.at("home").into_os_string())
            .envs(variables.iter().copied())
            .folder(&self.at("work"))
    }

    fn surroundings(&self) -> Surroundings {
        let path = format!("{}:/usr/bin:/bin", self.at("bin").display());
        Surroundings::new([("PATH", path)], None)
    }

    /// Returns every file of the home folder with its mode and content, without locks, which are empty.
    pub(crate) fn home(&self) -> BTreeMap<PathBuf, (u32, String)> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.at("home")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let about = fs::symlink_metadata(&path).unwrap();
                let content =
                    if about.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
                if !path.ends_with("lock") {
                    files.insert(path.clone(), (about.permissions().mode(), content));
                }
                if about.is_dir() {
                    folders.push(path);
                }
            }
        }
        files
    }
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).unwrap();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Returns its exit status and its last lines.
    pub(crate) async fn ended(self) -> (i32, String) {
        status(self.task.await.unwrap())
    }
}

/// The exit status of a command, and the last lines of standard error.
pub(crate) async fn run(command: Command) -> (i32, String) {
    status(command.run().await)
}

fn status(outcome: Result<Output, Error>) -> (i32, String) {
    match outcome {
        Ok(output) => (0, output.stderr),
        Err(Error::Failed { line: _, ended: ChildEnd::Status(status), said }) => (status, said),
        Err(error) => panic!("{error}"),
    }
}
