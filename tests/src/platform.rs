//! devplat as a user has it who has just built it: the release programs, a home folder, and a unique platform name.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, ChildStdin},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    binaries,
    call::{Call, Ended, until},
    folder::Folder,
    process,
};

/// The variable that names the folder with devplat and the programs of its images, if it is not the workspace's own.
pub const VARIABLE: &str = "DEVPLAT_TEST_PROGRAMS";

/// devplat, and the programs that must be in the same folder.
pub const PROGRAMS: [&str; 5] = ["devplat", "devplat-operator", "devplat-bastion", "devplat-agent", "devctl"];

/// The label of images that a test program builds for a platform, with the platform's name. They are deleted with the
/// platform. devplat does not know this label.
pub const LABEL: &str = "dev.devplat.test";

/// A limit that no call here ever reached.
const BOUND: Duration = Duration::from_mins(5);

/// Deletes the objects that a killed test program left under that name: nodes, registry, volumes, networks, and the
/// images with [`LABEL`], the newest first, because an image cannot be deleted before its descendants.
const SWEEP: &str = r#"cat >/dev/null
for label in "io.x-k8s.kind.cluster=$1" "k3d.cluster=$1" "dev.devplat.platform=$1" "dev.devplat.test=$1"; do
  docker ps --all --quiet --filter "label=$label" | xargs --no-run-if-empty docker rm --force --volumes
done
docker volume rm "k3d-$1-images"
docker network rm "devplat-$1" "k3d-$1"
docker images --quiet --filter "label=dev.devplat.test=$1" | xargs --no-run-if-empty docker rmi --force
true"#;

/// A user, her home folder, and the name of her platform.
#[derive(Debug)]
pub struct Platform {
    pub name: String,
    home: Folder,
    programs: PathBuf,
    path: String,
    shared_cache: Option<PathBuf>,
    sweeper: Mutex<Option<(Child, ChildStdin)>>,
}

impl Platform {
    /// Returns a user without a platform. `suffix` distinguishes her platform from others of the same test program.
    pub fn new(suffix: &str) -> Result<Self> {
        let programs = programs()?;
        let own = binaries::folder()?;
        let path = format!("{}:{}:{}", programs.display(), own.display(), env::var("PATH")?);
        let name = format!("t{}-{suffix}", std::process::id());
        let sweeper = Mutex::new(Some(process::watchman(SWEEP, &[Path::new(&name)])?));
        Ok(Self { name, home: Folder::new()?, programs, path, shared_cache: None, sweeper })
    }

    /// Sets a cache of devplat that other platforms use as well, so that no image is assembled twice.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        self.shared_cache = Some(folder.to_owned());
        self
    }

    /// Deletes the leftovers of her cluster. This also happens when the test program is killed.
    pub fn sweep(&self) -> Result<()> {
        let sweeper = self.sweeper.lock().ok().and_then(|mut sweeper| sweeper.take());
        let Some((mut sweeper, needed)) = sweeper else { return Ok(()) };
        drop(needed);
        sweeper.wait()?;
        Ok(())
    }

    /// Returns her home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the state folder of her platform.
    pub fn state(&self) -> PathBuf {
        self.home().join(".local/state/devplat").join(&self.name)
    }

    /// Returns the kubeconfig in the state folder.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state().join("kubeconfig")
    }

    /// Returns devplat's cache folder.
    pub fn cache(&self) -> PathBuf {
        self.shared_cache.clone().unwrap_or_else(|| self.home().join(".cache/devplat"))
    }

    /// Returns a call of `program` in her environment.
    pub fn call(&self, program: impl Into<PathBuf>) -> Result<Call> {
        let call = Call::new(program)
            .env("HOME", self.home())
            .env("PATH", &self.path)
            .env("DEVPLAT_NAME", &self.name);
        Ok(match &self.shared_cache {
            Some(folder) => call.env("DEVPLAT_CACHE_DIR", folder),
            None => call,
        })
    }

    /// Returns the path of one of devplat's programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Returns a call of devplat.
    pub fn devplat(&self, args: &[&str]) -> Result<Call> {
        Ok(self.call(self.programs.join("devplat"))?.args(args))
    }

    /// Runs devplat to its end.
    pub fn run(&self, args: &[&str]) -> Result<Ended> {
        self.devplat(args)?.run(BOUND)
    }

    /// Runs kubectl on her cluster and returns its output.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        Ok(self.kubectl_ended(args)?.expect(0)?.stdout)
    }

    /// Runs kubectl on her cluster; any exit status is accepted.
    pub fn kubectl_ended(&self, args: &[&str]) -> Result<Ended> {
        self.call(binaries::command("kubectl")?)?.env("KUBECONFIG", self.kubeconfig()).args(args).run(BOUND)
    }

    /// Runs docker and returns its output.
    pub fn docker(&self, args: &[&str]) -> Result<String> {
        Ok(self.call(on_path("docker")?)?.args(args).run(BOUND)?.expect(0)?.stdout)
    }

    /// Returns the running processes with her home folder in their environment: devplat and its descendants, also those
    /// whose parents have ended.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        let home = format!("HOME={}", self.home().display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process may end at any time.
            let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
            if environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes()) {
                found.extend(Pid::from_raw(pid));
            }
        }
        Ok(found)
    }

    /// Kills her processes, and waits until they have ended.
    pub fn kill_processes(&self) -> Result<()> {
        until("her processes to end", BOUND, || {
            let processes = self.processes()?;
            for process in &processes {
                // It may have ended in the meantime.
                let _ = kill_process(*process, Signal::KILL);
            }
            Ok(processes.is_empty().then_some(()))
        })
    }

    /// Runs a script in bash on a terminal, as a user types it, and returns the terminal's content. A shell that the
    /// script opens ends immediately.
    pub fn type_in(&self, script: &str) -> Result<Ended> {
        let file = self.home().join("typed");
        fs::write(&file, format!("set -eu\n{script}"))?;
        let line = format!("bash {}", file.display());
        self.call(on_path("script")?)?
            .env("TERM", "xterm")
            .args(["-qec", &line, "/dev/null"])
            .input("exit\n")
            .run(BOUND)
    }

    /// Returns the output of `docker ps -a`, `docker network ls` and `docker volume ls`, and her kubeconfig.
    pub fn traces(&self) -> Result<String> {
        let mut text = String::new();
        for what in [
            &["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Image}}"][..],
            &["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"],
            &["volume", "ls", "--format", "{{.Name}}"],
        ] {
            let mut lines: Vec<String> = self.docker(what)?.lines().map(str::to_owned).collect();
            lines.sort();
            let _ = writeln!(text, "docker {}:\n{}", what[0], lines.join("\n"));
        }
        let kubeconfig = self.home().join(".kube/config");
        let _ = writeln!(text, "kubeconfig: {:?}", fs::read_to_string(kubeconfig).ok());
        Ok(text)
    }
}

/// Returns the path of a command of this machine.
pub fn on_path(command: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").context("PATH is not set")?;
    let found = env::split_paths(&path).map(|folder| folder.join(command)).find(|file| file.is_file());
    found.with_context(|| format!("{command} is missing on this machine"))
}

fn programs() -> Result<PathBuf> {
    let folder = match env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/x86_64-unknown-linux-gnu/release"),
    };
    for program in PROGRAMS {
        if !folder.join(program).is_file() {
            bail!("{program} is missing in {}: build it with cargo build --release", folder.display());
        }
    }
    Ok(fs::canonicalize(folder)?)
}
