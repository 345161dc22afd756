//! The pull of an image that a container of devplat needs: a node's or the registry's.

use devplat_kubernetes::pace::stoppable;
use devplat_plan::Physical;
use devplat_tool::registry::{self, PushStep, RegistryLogin};

use super::Cx;
use crate::failure::{Failure, one_line};

/// Makes the engine pull an image that it does not have. `key` is the place in the profile that names another one. A stop
/// does not wait for the download.
pub(super) async fn pull_if_absent(image: &str, key: &str, cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    if engine.image(image).await?.is_some() {
        return Ok(());
    }
    cx.report(format!("pulling {image}"));
    let login = login(image, cx).await;
    let pull = engine.pull(image, login, |step| {
        cx.report(format!(
            "pulling {image}: {} of {}",
            indicatif::DecimalBytes(step.done),
            indicatif::DecimalBytes(step.of)
        ));
    });
    // The engine ends a pull whose caller hangs up.
    let pull = async { stoppable(cx, Box::pin(pull)).await?.map_err(Failure::from) };
    let pulled = Some(Physical(image.to_owned()));
    let pulled = cx.call(format!("pull {image}"), |()| pulled, pull).await;
    pulled.map_err(|failure| failure.hint(format!("name another image with --set {key}=REFERENCE")))
}

/// Returns the credentials that `docker login` stored for the registry of an image. A public image needs none, so that
/// those that cannot be read are only reported.
async fn login(image: &str, cx: &Cx) -> Option<RegistryLogin> {
    let tell = |step: PushStep<'_>| {
        if let PushStep::AskingHelper { program } = step {
            cx.report(format!("asking {program} for credentials"));
        }
    };
    match registry::credentials_of_image(&cx.context.surroundings, image, tell).await {
        Ok(login) => login,
        Err(error) => {
            let why = one_line(&error);
            cx.remark(&format!("pulling {image} without credentials: {why}"));
            None
        }
    }
}
