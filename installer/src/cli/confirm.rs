//! Questions before a change of resources that are not only devplat's.

use crate::{
    failure::{Exit, Failure},
    host::Host,
};

/// Asks `question` unless `yes` answers it. `undone` is the message after another answer, such as `nothing was
/// deleted`.
pub(super) fn confirm(question: &str, undone: &str, yes: bool, host: &Host) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let no = || Failure::new(Exit::Usage, undone);
    let no_terminal = || {
        Failure::new(Exit::Usage, format!("{undone}: there is no terminal to ask for confirmation"))
            .hint(format!("confirm with --yes: {question}"))
    };
    host.choose(question, no, no_terminal)
        .map_err(|failure| if failure.is_stopped() { failure.hint(undone) } else { failure })
}
