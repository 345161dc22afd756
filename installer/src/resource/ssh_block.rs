//! The managed block in the user's `~/.ssh/config`: one `Include` of a file of devplat's, between two marks. It is
//! added only on request (`devplat ssh-config`), and the rest of the file stays byte for byte.

mod file;
mod lines;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_tool::Surroundings;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::SSH_CONFIG,
    ssh_config,
};
use crate::{
    context::PlatformContext,
    failure::{Exit, Failure},
    platform::PlatformInputs,
    state::StateFolder,
    ui::Ui,
};
use file::UserFile;
use lines::{Block, BlockState, Remains, Split, Unclear};

/// The managed block.
#[derive(Clone)]
pub(crate) struct SshBlock {
    inputs: Arc<PlatformInputs>,
}

/// The known facts of the block.
#[derive(Clone)]
pub(crate) struct Fields {
    /// Its state in the user's file.
    block: BlockState,
    /// The content of the included file; `None` if it is absent.
    hosts: Option<String>,
    /// The content of the ssh configuration in the state folder; `None` if it is absent.
    config: Option<String>,
}

impl ResourceKind for SshBlock {
    const NAME: KindName = KindName::new("block in ~/.ssh/config");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|block, cx| Box::pin(write(&block.inputs, cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|block, cx| Box::pin(write(&block.inputs, cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(if inputs.ssh_block { vec![Self { inputs: Arc::clone(inputs) }] } else { Vec::new() })
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        Edges { needs: vec![SSH_CONFIG.single(), CLUSTER.single()], ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO)
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Ok(path) = user_file(&context.surroundings) else { return Ok(Vec::new()) };
        let file = match UserFile::open(path) {
            Ok(file) => file,
            // An unreadable file of the user must not stop an `up` without a request for a block.
            Err(_) if !wanted.is_nothing() && wanted.of::<Self>().is_empty() => return Ok(Vec::new()),
            Err(failure) => return Err(failure),
        };
        let Opened { file, block: _, split } = Opened::of(file, context.platform.as_str(), &context.state)?;
        let Some(Split { state: block, rest: _ }) = split else { return Ok(Vec::new()) };
        let state = &context.state;
        // A deletion needs only the block.
        let of_state = |path: &Path| if wanted.is_nothing() { Ok(None) } else { state.read(path) };
        let (hosts, config) = (of_state(&hosts_file(state))?, of_state(&state.ssh_config())?);
        let physical = file.path().display().to_string();
        let fields = Fields { block, hosts, config };
        Ok(vec![Seen::ours(Self::NAME.single(), physical, fields, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        compare(&seen.fields)
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Compares the block and the included file with the ssh configuration in the state folder.
fn compare(fields: &Fields) -> Verdict {
    let Fields { block, hosts, config } = fields;
    let what = match (block, hosts, config) {
        (BlockState::Damaged, _, _) => "the block is damaged or double",
        (BlockState::Elsewhere, _, _) => "the block names another file",
        (BlockState::Current, Some(hosts), Some(config)) if ssh_config::follows(hosts, config) => {
            return Verdict::Same;
        }
        (BlockState::Current, Some(_), Some(_)) => "the included file differs from the ssh configuration",
        (BlockState::Current, None, _) => "the included file is missing",
        (BlockState::Current, Some(_), None) => "the ssh configuration is missing",
    };
    Verdict::Differs(vec![Change::in_place(what)])
}

/// A user's file and the block of a platform in it.
struct Opened {
    file: UserFile,
    block: Block,
    /// `None` if the file has no line of the block.
    split: Option<Split>,
}

impl Opened {
    /// Splits a file. Fails if it is unclear whether a line beside half of a block is devplat's or the user's.
    fn of(file: UserFile, platform: &str, state: &StateFolder) -> Result<Self, Failure> {
        let block = Block::of(platform, &hosts_file(state));
        let split = block.split(file.text()).map_err(|unclear| rejected(unclear, platform, &file))?;
        Ok(Self { file, block, split })
    }

    /// Returns the file with one block, at the top because OpenSSH uses the first value that it finds. Fails if the file
    /// cannot be created.
    fn with_block(&self) -> Result<Vec<u8>, Failure> {
        let rest = match (self.file.absent()?, &self.split) {
            (Some(created), _) => created.line().as_bytes(),
            (None, Some(split)) => split.rest.as_slice(),
            (None, None) => self.file.text(),
        };
        Ok([self.block.text().as_bytes(), rest].concat())
    }

    /// Removes the block, and the file if devplat created it and no other line is in it.
    fn remove(self) -> Result<(), Failure> {
        let Self { file, block: _, split } = self;
        match split.map(|split| lines::remains(split.rest)) {
            None => Ok(()),
            Some(Remains::Text(text)) => file.replace(&text),
            Some(Remains::Nothing(created)) => file.delete(created),
        }
    }
}

fn rejected(unclear: Unclear, platform: &str, file: &UserFile) -> Failure {
    let Unclear { mark, include } = unclear;
    let (path, first, second) = (file.path().display(), mark.min(include), mark.max(include));
    let why = format!(
        "{path}:{mark}: this line is half of the block of platform {platform}, and line {include} may be devplat's or yours"
    );
    Failure::new(Exit::Usage, why).hint(format!(
        "if devplat wrote both, delete lines {first} and {second}; if line {include} is yours, delete only line {mark}"
    ))
}

fn opened(surroundings: &Surroundings, platform: &str, state: &StateFolder) -> Result<Opened, Failure> {
    Opened::of(UserFile::open(user_file(surroundings)?)?, platform, state)
}

fn opened_in(context: &PlatformContext) -> Result<Opened, Failure> {
    opened(&context.surroundings, context.platform.as_str(), &context.state)
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let opened = opened_in(&cx.context)?;
    if opened.split.is_none() {
        return Ok(());
    }
    let physical = Physical(opened.file.path().display().to_string());
    let work = async { opened.remove() };
    cx.call(format!("remove the block from {physical}"), |()| Some(physical), work).await
}

/// Fails if the user's file does not permit a block. Writes nothing.
pub(crate) fn check(surroundings: &Surroundings, platform: &str, state: &StateFolder) -> Result<(), Failure> {
    opened(surroundings, platform, state)?.with_block().map(drop)
}

/// Adds the block outside of a plan, as a step with its own entries in the journal.
pub(crate) async fn add_alone(
    inputs: &PlatformInputs,
    context: &Arc<PlatformContext>,
    ui: &Ui,
) -> Result<(), Failure> {
    let cx = Cx::alone(Arc::clone(context), SshBlock::NAME.single(), Action::Create, ui.clone())?;
    cx.ended(write(inputs, &cx).await).map(drop)
}

/// The same for its removal.
pub(crate) async fn remove_alone(context: &Arc<PlatformContext>, ui: &Ui) -> Result<(), Failure> {
    let cx = Cx::alone(Arc::clone(context), SshBlock::NAME.single(), Action::Delete, ui.clone())?;
    cx.ended(delete(&cx).await)
}

/// Removes the block outside of a step, for a state folder that may be damaged. Without a home folder there is none.
pub(crate) fn remove(
    surroundings: &Surroundings,
    platform: &str,
    state: &StateFolder,
) -> Result<(), Failure> {
    match &surroundings.home {
        Some(_) => opened(surroundings, platform, state)?.remove(),
        None => Ok(()),
    }
}

/// Returns the path of the user's own ssh configuration.
pub(crate) fn user_file(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let home = surroundings.home.as_ref();
    let home = home.ok_or_else(|| Failure::new(Exit::Missing, "there is no home folder").hint("set HOME"))?;
    Ok(home.join(".ssh/config"))
}

/// Writes the included file, then the block. A file that does not permit a block is rejected before both.
async fn write(inputs: &PlatformInputs, cx: &Cx) -> Result<Physical, Failure> {
    let context = &cx.context;
    opened_in(context)?.with_block()?;
    let host = ssh_config::host(inputs, context).await?;
    let host = host.map_err(|why| {
        Failure::of(Exit::PartWay, &why).hint(format!("`{}` waits for it", context.command("up")))
    })?;
    context.state.make_ssh()?;
    cx.write_file(&hosts_file(&context.state), &host.hosts(&context.state)).await?;
    // Opened again, because the user may have changed it in the meantime.
    let opened = opened_in(context)?;
    let wanted = opened.with_block()?;
    let physical = Physical(opened.file.path().display().to_string());
    if wanted != opened.file.text() {
        let work = async { opened.file.replace(&wanted) };
        cx.call(format!("write the block into {physical}"), |()| Some(physical.clone()), work).await?;
    }
    Ok(physical)
}

/// Returns command lines to try. Only users with generated keys are named in the jump of the included file.
pub(crate) fn example(inputs: &PlatformInputs) -> String {
    let platform = &inputs.platform;
    let generated = inputs.users_with_generated_keys().next();
    let named = generated.or_else(|| inputs.profile.users.keys().next());
    let user = named.map_or("alice".to_owned(), ToString::to_string);
    let jump = if generated.is_some() { String::new() } else { format!("-J {user}@{platform} ") };
    format!("ssh {user}@{platform}\nssh {user}+mydev@{platform}\nssh {jump}mydev.{user}.{platform}")
}

fn hosts_file(state: &StateFolder) -> PathBuf {
    state.path().join("ssh/hosts")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use devplat_profile::PlatformName;
    use devplat_tool::Command;

    use super::{ssh_config::Host, *};

    fn state() -> StateFolder {
        StateFolder::below(Path::new("/home/ada/.local/state/devplat"), &PlatformName::default())
    }

    fn host(platform: &PlatformName, port: u16) -> Host {
        Host {
            platform: platform.to_string(),
            address: format!("{platform}.example"),
            port,
            authority: String::new(),
            users: vec!["demo".to_owned()],
        }
    }

    /// Returns the settings that `ssh -G` prints for a host of the file `config`.
    async fn settings(folder: &Path, host: &str) -> String {
        let own = Surroundings::new(std::env::vars_os(), None);
        let config = folder.join("config");
        let args = [OsStr::new("-F"), config.as_os_str(), OsStr::new("-G"), OsStr::new(host)];
        Command::new("ssh", &own).args(args).run().await.unwrap().stdout
    }

    #[tokio::test]
    async fn hosts_of_two_platforms_never_clash() {
        let folder = tempfile::tempdir().unwrap();
        let (mut config, platforms) = (String::new(), [("one", 41022), ("two", 41023)]);
        for (platform, port) in platforms {
            let platform: PlatformName = platform.parse().unwrap();
            let state = StateFolder::below(folder.path(), &platform);
            std::fs::create_dir_all(state.path().join("ssh")).unwrap();
            std::fs::write(hosts_file(&state), host(&platform, port).hosts(&state)).unwrap();
            config += &Block::of(platform.as_str(), &hosts_file(&state)).text();
        }
        std::fs::write(folder.path().join("config"), config).unwrap();
        for (platform, port) in platforms {
            let state = StateFolder::below(folder.path(), &platform.parse().unwrap());
            let known = format!("userknownhostsfile {}", state.known_hosts().display());
            let key = format!("identityfile {}", state.user_key("demo").display());
            let jump = format!("proxyjump demo@{platform}");
            let (name, port) = (format!("hostname {platform}.example"), format!("port {port}"));
            for (host, expected) in [
                (format!("mydev.demo.{platform}"), vec!["user dev", &jump, &key, &known]),
                (format!("demo@{platform}"), vec!["user demo", &name, &port, &key, &known]),
                (format!("demo+mydev@{platform}"), vec!["user demo+mydev", &name, &port, &key, &known]),
            ] {
                let settings = settings(folder.path(), &host).await;
                for line in expected {
                    assert!(settings.lines().any(|found| found == line), "{host}: {line}: {settings}");
                }
            }
            // A user with a key of their own, who has the name of the other platform.
            let other = if platform == "one" { "two" } else { "one" };
            let settings = settings(folder.path(), &format!("mydev.{other}.{platform}")).await;
            for line in ["user dev", &format!("proxyjump {platform}"), &known] {
                assert!(settings.lines().any(|found| found == line), "{line}: {settings}");
            }
        }
    }

    #[test]
    fn block_without_a_current_included_file_differs() {
        let host = host(&PlatformName::default(), 41022);
        let (hosts, config) = (host.hosts(&state()), host.config(&state()));
        let of = |block, hosts: Option<&str>, config: Option<&str>| {
            let fields = Fields { block, hosts: hosts.map(str::to_owned), config: config.map(str::to_owned) };
            match compare(&fields) {
                Verdict::Differs(changes) => changes[0].to_string(),
                verdict => format!("{verdict:?}"),
            }
        };
        let current = BlockState::Current;
        let (hosts, config) = (Some(hosts.as_str()), Some(config.as_str()));
        assert_eq!(of(current, hosts, config), "Same");
        let moved = hosts.map(|hosts| hosts.replace("41022", "41023"));
        let changed = "the included file differs from the ssh configuration";
        assert_eq!(of(current, moved.as_deref(), config), changed);
        assert_eq!(of(current, None, config), "the included file is missing");
        assert_eq!(of(BlockState::Elsewhere, hosts, config), "the block names another file");
        assert_eq!(of(BlockState::Damaged, hosts, config), "the block is damaged or double");
    }

    /// Returns a home folder with this configuration, and the surroundings with it.
    fn home(config: Option<&str>) -> (tempfile::TempDir, Surroundings) {
        let home = tempfile::tempdir().unwrap();
        if let Some(config) = config {
            std::fs::create_dir(home.path().join(".ssh")).unwrap();
            std::fs::write(home.path().join(".ssh/config"), config).unwrap();
        }
        let surroundings = Surroundings::new([("PATH", "/usr/bin")], Some(home.path().to_owned()));
        (home, surroundings)
    }

    fn add(surroundings: &Surroundings, platform: &str) {
        let opened = opened(surroundings, platform, &state()).unwrap();
        opened.file.replace(&opened.with_block().unwrap()).unwrap();
    }

    #[test]
    fn created_file_and_folder_are_deleted_with_the_last_block() {
        let (home, surroundings) = home(None);
        let file = home.path().join(".ssh/config");
        add(&surroundings, "devplat");
        add(&surroundings, "team-a");
        add(&surroundings, "devplat");
        assert_eq!(lines::platforms(&std::fs::read(&file).unwrap()), ["devplat", "team-a"]);
        remove(&surroundings, "devplat", &state()).unwrap();
        assert!(file.exists());
        remove(&surroundings, "team-a", &state()).unwrap();
        assert!(!home.path().join(".ssh").exists());
        // Nothing is left to remove.
        remove(&surroundings, "team-a", &state()).unwrap();
    }

    #[test]
    fn file_of_the_user_stays_even_if_it_is_empty() {
        for config in ["", "Host mine\n"] {
            let (home, surroundings) = home(Some(config));
            add(&surroundings, "devplat");
            remove(&surroundings, "devplat", &state()).unwrap();
            assert_eq!(std::fs::read_to_string(home.path().join(".ssh/config")).unwrap(), config);
        }
    }

    #[test]
    fn damaged_block_becomes_one_whole_block() {
        let begin = Block::of("devplat", &hosts_file(&state())).text();
        let begin = begin.lines().next().unwrap();
        let (home, surroundings) = home(Some(&format!("Host mine\n{begin}\n{begin}\n")));
        add(&surroundings, "devplat");
        let text = std::fs::read_to_string(home.path().join(".ssh/config")).unwrap();
        assert_eq!(text, Block::of("devplat", &hosts_file(&state())).text() + "Host mine\n");
    }

    #[test]
    fn unclear_block_is_rejected_with_its_lines() {
        let begin = Block::of("devplat", &hosts_file(&state())).text();
        let begin = begin.lines().next().unwrap();
        let (_home, surroundings) = home(Some(&format!("Host mine\n{begin}\nInclude work\n")));
        let failure = check(&surroundings, "devplat", &state()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("/.ssh/config:2: "), "{failure:?}");
        assert!(failure.hints[0].contains("delete lines 2 and 3"), "{failure:?}");
        assert_eq!(remove(&surroundings, "devplat", &state()), Err(failure));
        assert!(check(&surroundings, "other", &state()).is_ok());
    }
}
