//! The end of a run.

use crate::{
    failure::{Exit, Failure, status},
    ui::Ui,
};

/// Reports the failure, if there is one, and returns the exit status. Lost output is a failure as well.
pub(super) fn delivered(outcome: Result<u8, Failure>, ui: &Ui) -> u8 {
    let outcome = outcome.and_then(|status| match ui.lost() {
        None => Ok(status),
        Some(error) => {
            let failure = Failure::of(Exit::PartWay, error).while_doing("cannot write to standard output");
            Err(failure.hint("the command itself has succeeded; run it again for its output"))
        }
    });
    if let Err(failure) = &outcome {
        ui.error(failure);
    }
    status(&outcome)
}
