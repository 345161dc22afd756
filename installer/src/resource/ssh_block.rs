//! The managed block in the user's `~/.ssh/config`: one `Include` of a file of devplat's, between two marks. It is
//! added only on request (`devplat ssh-config`), and the rest of the file stays byte for byte.

mod created;
mod file;
mod lines;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_tool::Surroundings;

use super::{CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, names::SSH_CONFIG, ssh_config};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    platform_context::PlatformContext,
    state::StateFolder,
    ui::Ui,
};
use created::FileRemains;
use file::UserFile;
use lines::{Block, BlockState, Split, Unclear};

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
    const NAME: super::KindWith<Self::Output> = super::KindWith::new("block in ~/.ssh/config");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|block, cx| Box::pin(write(&block.inputs, cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|block, cx| Box::pin(write(&block.inputs, cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> =
        Some(|_, cx| Box::pin(async move { delete(cx).await.map(drop) }));
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
        let (hosts, config) = (of_state(&ssh_config::hosts_file(state))?, of_state(&state.ssh_config())?);
        let physical = file.path().display().to_string();
        let fields = Fields { block, hosts, config };
        Ok(vec![Seen::ours(Self::NAME.single(), physical, fields, Some(()))])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        compare(&seen.fields, &self.inputs.state)
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Compares the block and the included file with the ssh configuration in the state folder.
fn compare(fields: &Fields, state: &StateFolder) -> Verdict {
    let Fields { block, hosts, config } = fields;
    let what = match (block, hosts, config) {
        (BlockState::Damaged, _, _) => "the block is damaged or double",
        (BlockState::Older, _, _) => "the block is of an older devplat",
        (BlockState::Displaced, _, _) => {
            "the block is below a Host or Match line, and belongs at the top of the file"
        }
        (BlockState::Elsewhere, _, _) => "the block names another file",
        (BlockState::Current, Some(hosts), Some(config)) if ssh_config::follows(hosts, config, state) => {
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
        let block = Block::of(platform, &ssh_config::hosts_file(state));
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
        match split.map(|split| created::remains(split.rest)) {
            None => Ok(()),
            Some(FileRemains::Text(text)) => file.replace(&text),
            Some(FileRemains::Nothing(created)) => file.delete(created),
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

/// Removes the block, and returns whether there was one.
async fn delete(cx: &Cx) -> Result<bool, Failure> {
    let opened = opened_in(&cx.context)?;
    if opened.split.is_none() {
        return Ok(false);
    }
    let physical = Physical(opened.file.path().display().to_string());
    let work = async { opened.remove() };
    cx.call(format!("remove the block from {physical}"), |()| Some(physical), work).await?;
    Ok(true)
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

/// Removes the block outside of a plan, as a step with its own entries in the journal, and returns whether there was one.
pub(crate) async fn remove_alone(context: &Arc<PlatformContext>, ui: &Ui) -> Result<bool, Failure> {
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
    cx.write_file(&ssh_config::hosts_file(&context.state), &host.hosts(&context.state)).await?;
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

/// Returns command lines to try.
pub(crate) fn example(inputs: &PlatformInputs) -> String {
    let platform = &inputs.platform;
    let generated = inputs.users_with_generated_keys().next();
    let named = generated.or_else(|| inputs.profile.users.keys().next());
    let user = named.map_or("alice".to_owned(), ToString::to_string);
    format!("ssh {user}@{platform}\nssh {user}+mydev@{platform}\nssh mydev.{user}.{platform}")
}

#[cfg(test)]
mod tests;
