//! Keys of users that are generated on this machine, so that the new platform can be tried immediately. The public keys
//! go into the cluster.

use std::{sync::Arc, time::Duration};

use devplat_keys::UserKey;
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};
use devplat_profile::UserName;

use super::{Cx, Kind, Seen, SeenThrough, Traits, Wanted, names::KEYS};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    state::StateFolder,
    world::World,
};

/// The keys that the profile requests with `generateKey`.
#[derive(Clone)]
pub(crate) struct GeneratedKeys {
    users: Vec<UserName>,
    state: StateFolder,
    platform: String,
}

impl Kind for GeneratedKeys {
    const NAME: KindName = KEYS;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { in_passing: false, droppable: false, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|keys, cx| Box::pin(keys.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|keys, cx| Box::pin(keys.create(cx)));
    /// They are deleted with the state folder.
    const DELETE: Option<super::kind::Remove<Self>> = None;
    /// Users without a key.
    type Fields = Vec<UserName>;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(vec![Self {
            users: inputs.users_with_generated_keys().cloned().collect(),
            state: inputs.state.clone(),
            platform: inputs.platform.to_string(),
        }])
    }

    fn id(&self) -> Id {
        KEYS.single()
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::from_secs(1))
    }

    async fn find(_: &World, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        let mut seen = Vec::new();
        for keys in wanted.of::<Self>() {
            let missing = keys.missing()?;
            if missing.len() < keys.users.len() || keys.users.is_empty() {
                let folder = keys.state.path().join("ssh").display().to_string();
                seen.push(Seen::ours(KEYS.single(), folder, missing, Some(())));
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        if seen.fields.is_empty() {
            return Verdict::Same;
        }
        let missing = seen.fields.iter();
        Verdict::Differs(missing.map(|user| Change::in_place(format!("user {user} has no key"))).collect())
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl GeneratedKeys {
    /// Returns the users whose public key is absent. An unreadable public key is an error.
    fn missing(&self) -> Result<Vec<UserName>, Failure> {
        let mut missing = Vec::new();
        for user in &self.users {
            if self.state.read(&self.state.user_key(user.as_str()).with_extension("pub"))?.is_none() {
                missing.push(user.clone());
            }
        }
        Ok(missing)
    }

    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        self.state.make_ssh()?;
        for user in self.missing()? {
            let path = self.state.user_key(user.as_str());
            // A run that was killed between the two files left the private key. Its public key may already be in a
            // cluster, so never overwrite it.
            let key = match self.state.read(&path)? {
                Some(text) => UserKey::from_private_text(&text).map_err(|error| {
                    Failure::of(Exit::Missing, &error)
                        .while_doing(format!("{} is not a private key", path.display()))
                        .hint(format!("move {} away, then run the same command", path.display()))
                })?,
                None => self.generate(&user)?,
            };
            cx.call(format!("write {}", path.display()), |()| None, async {
                self.state.write(&path, &key.private_text())?;
                // Write the public key last, so that it shows that both files exist.
                self.state.write(&path.with_extension("pub"), &(key.public_text() + "\n"))
            })
            .await?;
        }
        Ok(Physical(self.state.path().join("ssh").display().to_string()))
    }

    fn generate(&self, user: &UserName) -> Result<UserKey, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Failure::new(Exit::Missing, format!("cannot generate the key of user {user}: {error}"))
        })?;
        Ok(UserKey::from_seed(seed, &format!("{user}@{}", self.platform)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(folder: &std::path::Path) -> GeneratedKeys {
        let state = StateFolder::below(folder, &"devplat".parse().unwrap());
        state.make_ssh().unwrap();
        GeneratedKeys { users: vec!["demo".parse().unwrap()], state, platform: "devplat".to_owned() }
    }

    #[test]
    fn absent_public_key_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(keys(folder.path()).missing().unwrap().len(), 1);
    }

    /// Else the private key, whose public key may be in a cluster, would be overwritten.
    #[test]
    fn unreadable_public_key_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let keys = keys(folder.path());
        std::fs::create_dir(keys.state.user_key("demo").with_extension("pub")).unwrap();
        let error = keys.missing().unwrap_err();
        assert!(error.one_line().contains("demo.pub"), "{}", error.one_line());
    }
}
