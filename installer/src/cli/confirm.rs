//! Questions before something is changed that is not devplat's alone, in one place.

use crate::{
    failure::{Exit, Failure},
    host::Host,
    ui::Answer,
};

/// Asks `question` unless `yes` answers it. `undone` says what is left as it was, such as `nothing was deleted`.
pub(super) fn confirm(question: &str, undone: &str, yes: bool, host: &Host) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    match host.confirm(question) {
        Answer::Yes => Ok(()),
        Answer::Stopped => Err(Failure::stopped().hint(undone)),
        Answer::No => Err(Failure::new(Exit::Usage, undone)),
        Answer::NoTerminal => {
            Err(Failure::new(Exit::Usage, format!("{undone}: there is no terminal to confirm it at"))
                .hint(format!("--yes answers this with yes: {question}")))
        }
    }
}
