//! The managed block in the user's `~/.ssh/config`: one `Include` of a file of devplat's, between two marks. It is
//! added only on request (`devplat ssh-config`), and the rest of the file stays byte for byte.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_tool::Surroundings;

use super::{
    CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted,
    names::{SSH_BLOCK, SSH_CONFIG},
    ssh_config::{self, Host, quoted},
};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    state::{self, StateFolder},
    ui::Ui,
    context::PlatformContext,
};

/// The managed block.
#[derive(Clone)]
pub(crate) struct SshBlock {
    inputs: Arc<PlatformInputs>,
}

/// The known facts of the block.
#[derive(Clone)]
pub(crate) struct Fields {
    /// The content of the user's file.
    text: String,
    /// The content of the included file; `None` if it is absent.
    hosts: Option<String>,
    /// The content of the ssh configuration in the state folder; `None` if it is absent.
    config: Option<String>,
}

impl ResourceKind for SshBlock {
    const NAME: KindName = SSH_BLOCK;
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
        SSH_BLOCK.single()
    }

    fn edges(&self) -> Edges {
        Edges { needs: vec![SSH_CONFIG.single(), CLUSTER.single()], ..Edges::default() }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO)
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let Ok(file) = user_file(&context.surroundings) else { return Ok(Vec::new()) };
        let text = read(&file)?;
        let platform = context.platform.as_str();
        if cut(&text, platform).is_none() {
            return Ok(Vec::new());
        }
        let state = &context.state;
        // A deletion needs only the block.
        let of_state = |path: &Path| if wanted.is_nothing() { Ok(None) } else { state.read(path) };
        let (hosts, config) = (of_state(&hosts_file(state))?, of_state(&state.ssh_config())?);
        let fields = Fields { text, hosts, config };
        Ok(vec![Seen::ours(SSH_BLOCK.single(), file.display().to_string(), fields, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        compare(&seen.fields, self.inputs.platform.as_str(), &self.inputs.state)
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Compares the block and the included file with the state folder and the ssh configuration in it.
fn compare(fields: &Fields, platform: &str, state: &StateFolder) -> Verdict {
    let Fields { text, hosts, config } = fields;
    let what = match (hosts, config) {
        _ if !text.contains(&block(platform, state)) => "the block names another file",
        (Some(hosts), Some(config)) if follows(hosts, config) => return Verdict::Same,
        (Some(_), Some(_)) => "the bastion's address or the users have changed",
        (None, _) => "the included file is missing",
        (Some(_), None) => "the ssh configuration is missing",
    };
    Verdict::Differs(vec![Change::in_place(what)])
}

async fn delete(cx: &Cx) -> Result<(), Failure> {
    let file = user_file(&cx.context.surroundings)?;
    let platform = cx.context.platform.as_str();
    if cut(&read(&file)?, platform).is_none() {
        return Ok(());
    }
    let physical = Physical(file.display().to_string());
    let work = async { remove(&file, platform) };
    cx.call(format!("remove the block from {physical}"), |()| Some(physical), work).await
}

/// Adds the block outside of a plan, as a step with its own entries in the journal.
pub(crate) async fn add_alone(inputs: &PlatformInputs, context: &Arc<PlatformContext>, ui: &Ui) -> Result<(), Failure> {
    let cx = Cx::alone(Arc::clone(context), SSH_BLOCK.single(), Action::Create, ui.clone())?;
    cx.ended(write(inputs, &cx).await).map(drop)
}

/// The same for its removal.
pub(crate) async fn remove_alone(context: &Arc<PlatformContext>, ui: &Ui) -> Result<(), Failure> {
    let cx = Cx::alone(Arc::clone(context), SSH_BLOCK.single(), Action::Delete, ui.clone())?;
    cx.ended(delete(&cx).await)
}

/// Returns the path of the user's own ssh configuration.
pub(crate) fn user_file(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    let home = surroundings.home.as_ref();
    let home = home.ok_or_else(|| Failure::new(Exit::Missing, "there is no home folder").hint("set HOME"))?;
    Ok(home.join(".ssh/config"))
}

/// Writes the included file, then the block at the top of the user's file, because OpenSSH uses the first value it
/// finds.
async fn write(inputs: &PlatformInputs, cx: &Cx) -> Result<Physical, Failure> {
    let context = &cx.context;
    let host = ssh_config::host(inputs, context).await?;
    let host = host.ok_or_else(|| {
        Failure::new(Exit::PartWay, "the bastion has no address yet")
            .hint(format!("`{}` waits for it", context.command("up")))
    })?;
    context.state.make_ssh()?;
    cx.write_file(&hosts_file(&context.state), &hosts(&host, &context.state)).await?;
    let file = user_file(&context.surroundings)?;
    let physical = Physical(file.display().to_string());
    let text = read(&file)?;
    let platform = context.platform.as_str();
    let rest = cut(&text, platform).unwrap_or_else(|| text.clone());
    let wanted = block(platform, &context.state) + &rest;
    if wanted != text {
        let work = async { replace(&file, &wanted) };
        cx.call(format!("write the block into {physical}"), |()| Some(physical.clone()), work).await?;
    }
    Ok(physical)
}

/// Removes the block from the user's file.
pub(crate) fn remove(file: &Path, platform: &str) -> Result<(), Failure> {
    let text = read(file)?;
    match cut(&text, platform) {
        Some(rest) => replace(file, &rest),
        None => Ok(()),
    }
}

/// Returns the names of the other platforms with a block in the user's file.
pub(crate) fn others(file: &Path, platform: &str) -> Result<Vec<String>, Failure> {
    Ok(platforms(&read(file)?).into_iter().filter(|other| other != platform).collect())
}

fn platforms(text: &str) -> Vec<String> {
    let begin = text.lines().filter_map(|line| line.strip_prefix("# >>> devplat ")?.split_once(": "));
    begin.map(|(name, _)| name.to_owned()).collect()
}

/// Returns command lines to try.
pub(crate) fn example(inputs: &PlatformInputs) -> String {
    let platform = &inputs.platform;
    let user = inputs.users_with_generated_keys().next().map_or("alice".to_owned(), ToString::to_string);
    format!("ssh {user}@{platform}\nssh {user}+mydev@{platform}\nssh mydev.dev-{user}")
}

fn hosts_file(state: &StateFolder) -> PathBuf {
    state.path().join("ssh/hosts")
}

fn block(platform: &str, state: &StateFolder) -> String {
    let (begin, end) = marks(platform);
    format!("{begin}\nInclude {}\n{end}\n", included(&hosts_file(state)))
}

/// Returns a path as a pattern for `Include`. Only newer versions of OpenSSH expand `%` and `$` in it; `?` matches any
/// one character in all versions.
fn included(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+ ".contains(c);
    let text: String = path.display().to_string().chars().map(|c| if plain(c) { c } else { '?' }).collect();
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}

fn marks(platform: &str) -> (String, String) {
    (
        format!("# >>> devplat {platform}: written by `devplat ssh-config`, removed by `devplat destroy`"),
        format!("# <<< devplat {platform}"),
    )
}

/// Returns the text without the platform's block; `None` if it has no block.
fn cut(text: &str, platform: &str) -> Option<String> {
    let (begin, end) = marks(platform);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is = |line: &str, mark: &str| line.trim_end_matches(['\r', '\n']) == mark;
    let first = lines.iter().position(|line| is(line, &begin))?;
    let last = first + lines[first..].iter().position(|line| is(line, &end))?;
    Some(lines[..first].concat() + &lines[last + 1..].concat())
}

/// Returns the included file: the bastion has the platform's name, and dev servers behind it have names
/// `NAME.dev-USER`.
fn hosts(host: &Host, state: &StateFolder) -> String {
    let Host { platform, address, port, authority: _, users } = host;
    let known = quoted(&state.known_hosts());
    let trust = format!(
        "  UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
    );
    let mut text = String::from("# Written by devplat; `devplat up` writes it again.\n");
    let _ = write!(text, "Host {platform}\n  HostName {address}\n  Port {port}\n{trust}");
    for user in users {
        let key = quoted(&state.user_key(user));
        let _ = write!(
            text,
            "Match originalhost {platform} user {user},{user}+*\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        );
        let _ = write!(
            text,
            "Host *.dev-{user}\n  User dev\n  ProxyJump {user}@{platform}\n  IdentityFile {key}\n  IdentitiesOnly yes\n{trust}"
        );
    }
    // Users with their own keys add their name to the jump: `ssh -J alice@PLATFORM mydev.dev-alice`.
    let _ = write!(text, "Host *.dev-*\n  User dev\n  ProxyJump {platform}\n{trust}");
    text
}

/// Returns whether the included file has the same address and the same keys as the written configuration.
fn follows(hosts: &str, config: &str) -> bool {
    fn of<'a>(text: &'a str, key: &str) -> BTreeSet<&'a str> {
        text.lines().filter_map(|line| line.trim().strip_prefix(key)).collect()
    }
    ["HostName ", "Port ", "IdentityFile "].iter().all(|key| of(hosts, key) == of(config, key))
}

fn read(file: &Path) -> Result<String, Failure> {
    let bytes = state::read_file(file).map_err(|error| {
        Failure::of(Exit::Missing, &error).while_doing(format!("cannot read {}", file.display()))
    })?;
    String::from_utf8(bytes.unwrap_or_default()).map_err(|_| {
        Failure::new(Exit::Usage, format!("{} is not UTF-8, so devplat does not change it", file.display()))
            .hint("use the file that the status of the platform names: ssh -F")
    })
}

/// Replaces the file. A symbolic link stays a link, and the file keeps its mode.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let failed = |error: std::io::Error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot write {}", file.display()))
            .hint("make it writable, or use the file that the status of the platform names: ssh -F")
    };
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let real = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mode = std::fs::metadata(&real).map_or(0o600, |about| about.permissions().mode());
    state::replace_file(&real, text.as_bytes()).map_err(failed)?;
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use devplat_profile::PlatformName;

    use super::*;

    fn state() -> StateFolder {
        StateFolder::below(Path::new("/home/ada/.local/state/devplat"), &PlatformName::default())
    }

    #[test]
    fn removal_of_the_block_keeps_the_rest() {
        let own = "Host *\r\n  ForwardAgent no\n# <<< devplat other\n";
        let text = format!("{}{own}", block("devplat", &state()));
        assert_eq!(cut(&text, "devplat").as_deref(), Some(own));
        assert_eq!(cut(&text, "devplat2"), None);
        assert_eq!(cut(own, "devplat"), None);
        let twice = format!("{own}{}", block("devplat", &state()));
        assert_eq!(cut(&twice, "devplat").as_deref(), Some(own));
    }

    #[test]
    fn blocks_are_listed_by_platform() {
        let text = format!("{}Host *\n{}", block("b", &state()), block("a", &state()));
        assert_eq!(platforms(&text), ["b", "a"]);
        assert!(platforms("# >>> devplat\nHost *\n").is_empty());
    }

    #[test]
    fn path_of_the_included_file_matches_itself_in_every_version_of_openssh() {
        for (path, pattern) in [
            ("/home/ada/.local/state/hosts", "/home/ada/.local/state/hosts"),
            ("/home/%h/[a] \"b\"/hosts", "\"/home/?h/?a? ?b?/hosts\""),
            ("/home/${HOME}/a*b/hosts", "/home/??HOME?/a?b/hosts"),
        ] {
            assert_eq!(included(Path::new(path)), pattern);
        }
    }

    #[test]
    fn included_file_has_the_bastion_and_dev_servers() {
        let host = Host {
            platform: "devplat".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 41022,
            authority: String::new(),
            users: vec!["demo".to_owned()],
        };
        let text = hosts(&host, &state());
        insta::assert_snapshot!(text);
        assert!(follows(&text, &host.config(&state())));
        let more = Host { users: vec!["bob".to_owned(), "demo".to_owned()], ..host.clone() };
        assert!(!follows(&text, &more.config(&state())));
        assert!(!follows(&text, &Host { port: 22, ..host }.config(&state())));
    }

    #[test]
    fn block_without_a_current_included_file_differs() {
        let host = "Host devplat\n  HostName 127.0.0.1\n  Port 41022\n";
        let of = |text: String, hosts: Option<&str>, config: Option<&str>| {
            let fields = Fields { text, hosts: hosts.map(str::to_owned), config: config.map(str::to_owned) };
            match compare(&fields, "devplat", &state()) {
                Verdict::Differs(changes) => changes[0].to_string(),
                verdict => format!("{verdict:?}"),
            }
        };
        let text = || format!("{}Host mine\n", block("devplat", &state()));
        assert_eq!(of(text(), Some(host), Some(host)), "Same");
        let moved = host.replace("41022", "41023");
        let changed = "the bastion's address or the users have changed";
        assert_eq!(of(text(), Some(&moved), Some(host)), changed);
        assert_eq!(of(text(), None, Some(host)), "the included file is missing");
        let elsewhere = text().replace("/home/ada", "/home/bob");
        assert_eq!(of(elsewhere, Some(host), Some(host)), "the block names another file");
    }
}
