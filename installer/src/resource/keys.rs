//! Keys of users that are made on this machine, so that the platform can be tried at once. Their public halves go into
//! the cluster; a key that was lost is made anew, and the old one then lets nobody in.

use std::{io::Write as _, sync::Arc, time::Duration};

use devplat_keys::UserKey;

use crate::{
    failure::{Exit, Failure},
    plan::Verdict,
    world::Ingredients,
};

pub(super) const USUAL: Duration = Duration::from_secs(1);

/// The keys that the profile asks to be made.
#[derive(Clone)]
pub struct Keys {
    pub(super) ingredients: Arc<Ingredients>,
}

impl Keys {
    pub(super) fn observe(&self) -> Verdict {
        let missing: Vec<String> = self.missing().map(|name| format!("user {name} has none yet")).collect();
        if missing.is_empty() {
            Verdict::Same
        } else if missing.len() == self.ingredients.users_with_made_keys().count() {
            Verdict::Absent
        } else {
            Verdict::Differs(missing)
        }
    }

    pub(super) fn create(&self) -> Result<(), Failure> {
        let state = &self.ingredients.state;
        state.make_ssh()?;
        for name in self.missing() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| {
                Failure::new(Exit::Missing, format!("no random numbers for the key of user {name}: {error}"))
            })?;
            let key = UserKey::from_seed(seed, &format!("{name}@{}", self.ingredients.platform));
            let path = state.user_key(name);
            // The public half last: whoever finds it has both.
            let written = write_whole(&path, &key.private_text())
                .and_then(|()| write_whole(&path.with_extension("pub"), &(key.public_text() + "\n")));
            written.map_err(|error| {
                Failure::of(Exit::Missing, &error)
                    .while_doing(format!("cannot write {}", path.display()))
                    .hint("name another folder in DEVPLAT_STATE_DIR")
            })?;
        }
        Ok(())
    }

    fn missing(&self) -> impl Iterator<Item = &str> {
        let made = self.ingredients.made_keys();
        self.ingredients.users_with_made_keys().filter(move |name| !made.contains_key(*name))
    }
}

/// Beside its place, for its user alone, then moved there.
pub(super) fn write_whole(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(std::io::Error::from).map(|_| ())
}
