//! devplat as somebody uses it who has just built it: the release programs, a home folder of her own, and a platform
//! name that nobody else has.

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

use crate::{
    binaries,
    call::{Call, Ended},
    folder::Folder,
    process,
};

/// Names the folder with devplat and the programs that go into its images, where it is not the workspace's own.
pub const VARIABLE: &str = "DEVPLAT_TEST_PROGRAMS";

/// Longer than anything here ever took.
const BOUND: Duration = Duration::from_mins(5);

/// Deletes what a killed test program left: the cluster's nodes and networks of that name, if there are any.
const SWEEP: &str = r#"cat >/dev/null
docker ps --all --quiet --filter "label=io.x-k8s.kind.cluster=$1" | xargs --no-run-if-empty docker rm --force --volumes
docker network rm "devplat-$1"
true"#;

/// A user, her home folder, and the platform that she is to have.
#[derive(Debug)]
pub struct Platform {
    /// Its name.
    pub name: String,
    home: Folder,
    programs: PathBuf,
    path: String,
    shared_cache: Option<PathBuf>,
    sweeper: Mutex<Option<(Child, ChildStdin)>>,
}

impl Platform {
    /// A user who has nothing yet. `suffix` tells her platform from others of the same test program.
    pub fn new(suffix: &str) -> Result<Self> {
        let programs = programs()?;
        let own = binaries::folder()?;
        let path = format!("{}:{}:{}", programs.display(), own.display(), env::var("PATH")?);
        let name = format!("t{}-{suffix}", std::process::id());
        let sweeper = Mutex::new(Some(process::watchman(SWEEP, &[Path::new(&name)])?));
        Ok(Self { name, home: Folder::new()?, programs, path, shared_cache: None, sweeper })
    }

    /// With what devplat puts together in a folder that others use as well: nothing is made there twice.
    #[must_use]
    pub fn with_cache(mut self, folder: &Path) -> Self {
        self.shared_cache = Some(folder.to_owned());
        self
    }

    /// Deletes what is left of her cluster, as happens by itself when the test program is killed.
    pub fn sweep(&self) -> Result<()> {
        let sweeper = self.sweeper.lock().ok().and_then(|mut sweeper| sweeper.take());
        let Some((mut sweeper, needed)) = sweeper else { return Ok(()) };
        drop(needed);
        sweeper.wait()?;
        Ok(())
    }

    /// Her home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where devplat keeps what it remembers of her platform.
    pub fn state(&self) -> PathBuf {
        self.home().join(".local/state/devplat").join(&self.name)
    }

    /// The kubeconfig that devplat keeps.
    pub fn kubeconfig(&self) -> PathBuf {
        self.state().join("kubeconfig")
    }

    /// The folder that devplat keeps for her what it puts together in.
    pub fn cache(&self) -> PathBuf {
        self.shared_cache.clone().unwrap_or_else(|| self.home().join(".cache/devplat"))
    }

    /// A call of `program` in her environment.
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

    /// Where one of devplat's programs lies.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// A call of devplat.
    pub fn devplat(&self, args: &[&str]) -> Result<Call> {
        Ok(self.call(self.programs.join("devplat"))?.args(args))
    }

    /// Runs devplat to its end.
    pub fn run(&self, args: &[&str]) -> Result<Ended> {
        self.devplat(args)?.run(BOUND)
    }

    /// Runs kubectl on the cluster that devplat made, and gives what it said.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        Ok(self.kubectl_ended(args)?.expect(0)?.stdout)
    }

    /// Runs kubectl on the cluster that devplat made, however it ends.
    pub fn kubectl_ended(&self, args: &[&str]) -> Result<Ended> {
        self.call(binaries::command("kubectl")?)?.env("KUBECONFIG", self.kubeconfig()).args(args).run(BOUND)
    }

    /// Runs docker, and gives what it said.
    pub fn docker(&self, args: &[&str]) -> Result<String> {
        Ok(self.call(on_path("docker")?)?.args(args).run(BOUND)?.expect(0)?.stdout)
    }

    /// Runs a script in bash as somebody types it, on a terminal; gives what the terminal showed. A shell that it opens
    /// is left at once.
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

    /// What Docker has, as `docker ps -a`, `docker network ls` and `docker volume ls` show it; and her kubeconfig.
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

/// Where a command of this machine lies.
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
    for program in ["devplat", "devplat-operator", "devplat-bastion", "devplat-agent", "devctl"] {
        if !folder.join(program).is_file() {
            bail!("{program} is missing in {}: cargo build --release makes it", folder.display());
        }
    }
    Ok(fs::canonicalize(folder)?)
}
