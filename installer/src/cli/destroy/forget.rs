//! `devplat destroy --forget`: deletes what is remembered of a platform that no longer exists.

use devplat_plan::Id;

use super::{super::confirm::confirm, state_files::remark_damage};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    observe::{Survey, observe_to_delete},
    request::{self, Asked, Purpose, Run},
    resource,
};

pub(super) async fn forget(asked: &Asked, host: &Host) -> Result<(), Failure> {
    let state = asked.state(host)?;
    if !state.exists() {
        let folder = state.path().display();
        return Err(Failure::new(
            Exit::Usage,
            format!("there is no state folder of platform {}", asked.platform()),
        )
        .hint(format!("there is no {folder}")));
    }
    let locked = request::lock(&state)?;
    remark_damage(&state, &host.ui)?;
    let standing = standing(asked, host).await?;
    if !standing.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            format!("platform {} exists, so it was not forgotten: {}", asked.platform(), standing.join(", ")),
        )
        .hint(format!("`{}` deletes it", asked.again("destroy"))));
    }
    let question = format!("forget platform {} without deleting its resources?", asked.platform());
    confirm(&question, "nothing was forgotten", asked.yes, host)?;
    // The block includes a file of the state folder. The decisions may be damaged, so look for the block itself.
    resource::ssh_block::remove(&host.surroundings, asked.platform().as_str(), &state)?;
    state.remove()?;
    drop(locked);
    host.ui.remark(&format!("forgot platform {}; nothing was deleted", asked.platform()));
    Ok(())
}

/// Returns the resources of the platform that can be seen in its place; none if the place does not exist any longer or does
/// not answer.
async fn standing(asked: &Asked, host: &Host) -> Result<Vec<String>, Failure> {
    let looking = async {
        let located = Run::begin_deletion(asked, host, Purpose::Look)?.locate().await?;
        Ok(observe_to_delete(&located.context).await)
    };
    match host.or_stopped(Box::pin(looking)).await {
        Ok(survey) => Ok(standing_of(&survey).iter().map(ToString::to_string).collect()),
        Err(failure) if failure.is_stopped() => Err(failure),
        Err(failure) => {
            host.ui.remark(&format!("note: it is unknown whether it exists: {}", failure.one_line()));
            Ok(Vec::new())
        }
    }
}

/// Returns the found resources, if they show that the platform is there.
fn standing_of(survey: &Survey) -> Vec<Id> {
    survey.ours().into_iter().filter(resource::shows_platform).collect()
}
