//! Questions before a change of resources that are not only devplat's.

use crate::{
    failure::{Exit, Failure},
    host::Host,
    ui::Answer,
};

/// Asks `question` unless `yes` answers it. `undone` is the message after another answer, such as `nothing was
/// deleted`.
pub(super) fn confirm(question: &str, undone: &str, yes: bool, host: &Host) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    match host.confirm(question) {
        Answer::Yes => Ok(()),
        Answer::Stopped => Err(Failure::stopped().hint(undone)),
        Answer::No => Err(Failure::new(Exit::Usage, undone)),
        Answer::NoTerminal => {
            Err(Failure::new(Exit::Usage, format!("{undone}: there is no terminal to ask for confirmation"))
                .hint(format!("confirm with --yes: {question}")))
        }
    }
}
