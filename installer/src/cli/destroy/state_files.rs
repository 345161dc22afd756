//! A state folder that is damaged, or that is deleted while `destroy` is working.

use crate::{
    failure::Failure,
    journal::{self, Journal, JournalEntry},
    platform_context::PlatformContext,
    request::Asked,
    state::StateFolder,
    ui::Ui,
};

/// Reports files of the state folder that are damaged. A deletion can do without them, because it finds the resources by their
/// marks. They stay until the platform is deleted or forgotten.
pub(super) fn remark_damage(state: &StateFolder, ui: &Ui) -> Result<(), Failure> {
    let remark = |why: &str| ui.remark(&format!("note: {why}; the resources are found by their marks"));
    if let Some((path, source)) = state.damaged_decisions() {
        remark(&format!("{} is damaged: {source}", path.display()));
    }
    if let Journals::Damaged(error) = Journals::of(state)? {
        remark(&error.to_string());
    }
    Ok(())
}

/// Returns the entries of the journal, and whether it is lost, as which a damaged one counts.
pub(super) fn known_entries(state: &StateFolder) -> Result<(Vec<JournalEntry>, bool), Failure> {
    Ok(match Journals::of(state)? {
        Journals::Read(entries) => (entries, state.has_lost_journal()),
        Journals::Damaged(_) => (Vec::new(), true),
    })
}

/// Moves a damaged journal aside, so that the deletion can write one.
pub(super) fn set_journal_aside(state: &StateFolder) -> Result<(), Failure> {
    match Journals::of(state)? {
        Journals::Read(_) => Ok(()),
        Journals::Damaged(_) => Ok(state.set_aside(&state.journal())?),
    }
}

/// The journal of a platform that is to be deleted.
enum Journals {
    Read(Vec<JournalEntry>),
    Damaged(journal::Error),
}

impl Journals {
    fn of(state: &StateFolder) -> Result<Self, Failure> {
        match Journal::read(&state.journal()) {
            Ok(entries) => Ok(Self::Read(entries)),
            Err(error @ journal::Error::Damaged { .. }) => Ok(Self::Damaged(error)),
            Err(
                error @ (journal::Error::Newer { .. }
                | journal::Error::Gone { .. }
                | journal::Error::Io { .. }),
            ) => Err(error.into()),
        }
    }
}

/// Replaces the hints of a failure if the state folder was deleted meanwhile: they are those for a run that creates.
pub(super) fn without_state(failure: Failure, asked: &Asked, context: &PlatformContext) -> Failure {
    if context.state.journal().exists() {
        return failure;
    }
    // The remembered context is gone as well.
    let place = context.named.as_ref().map(|named| named.context.name.clone());
    let again = Asked { context: asked.context.clone().or(place), ..asked.clone() }.again("destroy");
    let hint = format!(
        "some resources may be deleted already, and the others stand: `{again}` finds them by their marks and continues"
    );
    Failure { hints: vec![hint], ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{failure::Exit, platform_context::testing};

    #[test]
    fn damaged_journal_stays_until_the_deletion_begins() {
        let folder = tempfile::tempdir().unwrap();
        let (state, ui) = (testing::context(folder.path()).state, Ui::recording());
        state.make().unwrap();
        remark_damage(&state, &ui).unwrap();
        set_journal_aside(&state).unwrap();
        assert_eq!(ui.transcript().said, [""; 0]);
        std::fs::write(state.journal(), "{\"version\":2}\nrubbish\n").unwrap();
        remark_damage(&state, &ui).unwrap();
        assert_eq!(known_entries(&state).unwrap(), (Vec::new(), true));
        assert!(state.journal().exists());
        let said = ui.transcript().said.concat();
        assert!(said.contains("line 2 of journal "), "{said}");
        set_journal_aside(&state).unwrap();
        assert!(!state.journal().exists());
        std::fs::write(state.journal(), "{\"version\":99}\n").unwrap();
        assert!(set_journal_aside(&state).is_err(), "another version is not damage");
    }

    #[test]
    fn lost_state_folder_has_the_hint_of_a_deletion() {
        let folder = tempfile::tempdir().unwrap();
        let context = testing::context(folder.path());
        let gone = || Failure::new(Exit::PartWay, "it was deleted").hint("repeat --profile");
        let failure = without_state(gone(), &Asked::default(), &context);
        assert_eq!(failure.hints.len(), 1);
        assert!(failure.hints[0].contains("`devplat destroy` finds them by their marks"), "{failure:?}");
        context.state.make().unwrap();
        std::fs::write(context.state.journal(), "").unwrap();
        assert_eq!(without_state(gone(), &Asked::default(), &context), gone());
    }
}
