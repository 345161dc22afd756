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
    host.choose(question, no, || unasked(question, undone, host.ui.is_json()))
        .map_err(|failure| if failure.is_stopped() { failure.hint(undone) } else { failure })
}

/// Returns the failure for a question that cannot be asked.
fn unasked(question: &str, undone: &str, json: bool) -> Failure {
    let why = if json { "--output json does not ask" } else { "there is no terminal to ask" };
    Failure::new(Exit::Usage, format!("{undone}: {why} \"{question}\"")).hint("add --yes to answer with yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unasked_question_is_quoted_beside_the_flag_that_answers_it() {
        let of = |json| unasked("remove user bob? Homes stay.", "nothing was done", json);
        let terminal = "nothing was done: there is no terminal to ask \"remove user bob? Homes stay.\"";
        assert_eq!(of(false).message, terminal);
        assert_eq!(of(false).hints, ["add --yes to answer with yes"]);
        let json = "nothing was done: --output json does not ask \"remove user bob? Homes stay.\"";
        assert_eq!(of(true).message, json);
    }
}
