//! Keys of users that are generated on this machine, so that the new platform can be tried immediately. The public keys
//! go into the cluster. The comment of a key marks it as devplat's, so that no file of the user's is ever deleted.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use devplat_keys::UserKey;
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};

use super::{Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, names::KEY};
use crate::{
    failure::{Exit, Failure},
    platform::PlatformInputs,
    state::StateFolder,
    context::PlatformContext,
};

/// The key of a user with `generateKey` in the profile.
#[derive(Clone)]
pub(crate) struct GeneratedKey {
    user: String,
    state: StateFolder,
    platform: String,
}

/// The known facts of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// The content of the file with the public key; `None` if it is absent.
    public: Option<String>,
}

impl ResourceKind for GeneratedKey {
    const NAME: KindName = KEY;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|key, cx| Box::pin(key.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|key, cx| Box::pin(key.create(cx)));
    const DELETE: Option<super::kind::Remove<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
    type Fields = Fields;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        let generated = inputs.users_with_generated_keys().map(ToString::to_string);
        let users: BTreeSet<String> = generated.chain(listed(inputs)?).collect();
        let of = |user| Self { user, state: inputs.state.clone(), platform: inputs.platform.to_string() };
        Ok(users.into_iter().map(of).collect())
    }

    fn id(&self) -> Id {
        KEY.named(&self.user)
    }

    fn edges(&self) -> Edges {
        Edges::default()
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO)
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        // `destroy` deletes the keys last, with the state folder.
        if wanted.is_nothing() {
            return Ok(Vec::new());
        }
        let state = &context.state;
        let mut users: BTreeSet<String> = wanted.of::<Self>().into_iter().map(|key| key.user).collect();
        users.extend(marked(state, context.platform.as_str())?.into_iter().map(|(user, _)| user));
        let mut seen = Vec::new();
        for user in users {
            let private = state.user_key(&user);
            let public = state.read(&state.user_public_key(&user))?;
            if public.is_some() || private.exists() {
                let physical = private.display().to_string();
                seen.push(Seen::ours(KEY.named(user), physical, Fields { public }, Some(())));
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let Fields { public } = &seen.fields;
        match public.as_deref().map(str::trim) {
            // The user may have moved the private key, and the cluster has the public one.
            Some(text) if !text.is_empty() => Verdict::Same,
            Some(_) => Verdict::Differs(vec![Change::in_place("the file of its public key is empty")]),
            None => Verdict::Differs(vec![Change::in_place("its public key is missing")]),
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl GeneratedKey {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        self.state.make_ssh()?;
        let path = self.state.user_key(&self.user);
        // A run that was killed between the two files left the private key. Its public key may already be in a
        // cluster, so never overwrite it.
        let key = if let Some(text) = self.state.read(&path)? {
            UserKey::from_private_text(&text).map_err(|error| {
                Failure::of(Exit::Missing, &error)
                    .while_doing(format!("{} is not a private key", path.display()))
                    .hint(format!("move {} away, then run the same command", path.display()))
            })?
        } else {
            let key = self.generate()?;
            cx.write_file(&path, &key.private_text()).await?;
            key
        };
        // Write the public key last, so that it shows that both files exist.
        cx.write_file(&self.state.user_public_key(&self.user), &(key.public_text() + "\n")).await?;
        Ok(Physical(path.display().to_string()))
    }

    fn generate(&self) -> Result<UserKey, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Failure::new(Exit::Missing, format!("cannot generate the key of user {}: {error}", self.user))
        })?;
        Ok(UserKey::from_seed(seed, &mark(&self.user, &self.platform)))
    }
}

/// Deletes the files of a key, after a look that devplat generated it.
async fn delete(seen: &Seen<GeneratedKey>, cx: &Cx) -> Result<(), Failure> {
    let (state, user) = (&cx.context.state, seen.id.name().as_str());
    let Some(key) = marked_key(state, user, cx.context.platform.as_str())? else { return Ok(()) };
    let public = state.user_public_key(user);
    if state.read(&public)?.is_some_and(|text| is_public_key(&text, &key)) {
        cx.delete_file(&public).await?;
    }
    // The private key has the mark, so it is deleted last.
    cx.delete_file(&state.user_key(user)).await
}

/// Returns the users who sign in with a generated key although the profile does not set `generateKey`: it lists the
/// public key itself, for this user or another.
fn listed(inputs: &PlatformInputs) -> Result<Vec<String>, Failure> {
    let lines: Vec<&String> = inputs.profile.users.values().flat_map(|user| &user.ssh_keys).collect();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let generated = marked(&inputs.state, inputs.platform.as_str())?.into_iter();
    let used = generated.filter(|(_, key)| lines.iter().any(|line| is_public_key(line, key)));
    Ok(used.map(|(user, _)| user).collect())
}

/// Returns the keys in the state folder that devplat generated for the platform, by user.
fn marked(state: &StateFolder, platform: &str) -> Result<Vec<(String, UserKey)>, Failure> {
    let mut marked = Vec::new();
    for user in state.users_with_keys()? {
        if let Some(key) = marked_key(state, &user, platform)? {
            marked.push((user, key));
        }
    }
    Ok(marked)
}

/// Returns the private key of a user; `None` unless devplat generated it for the platform.
fn marked_key(state: &StateFolder, user: &str, platform: &str) -> Result<Option<UserKey>, Failure> {
    let Some(text) = state.read(&state.user_key(user))? else { return Ok(None) };
    let Ok(key) = UserKey::from_private_text(&text) else { return Ok(None) };
    let is_marked = key.public_text().splitn(3, ' ').nth(2) == Some(mark(user, platform).as_str());
    Ok(is_marked.then_some(key))
}

/// Returns the comment of a generated key.
fn mark(user: &str, platform: &str) -> String {
    format!("{user}@{platform}")
}

/// Returns whether a line as in `authorized_keys` has the public half of `key`, with any options and any comment.
fn is_public_key(line: &str, key: &UserKey) -> bool {
    let public = key.public_text();
    public.split(' ').nth(1).is_some_and(|blob| line.split_whitespace().any(|word| word == blob))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;
    use crate::{
        context::testing::context,
        resource::{AnyResource, tests::step_alone},
    };

    fn key(user: &str, context: &PlatformContext) -> GeneratedKey {
        context.state.make_ssh().unwrap();
        let platform = context.platform.to_string();
        GeneratedKey { user: user.to_owned(), state: context.state.clone(), platform }
    }

    fn made(seed: u8, comment: &str) -> UserKey {
        UserKey::from_seed([seed; 32], comment)
    }

    async fn found(context: &PlatformContext, wanted: &[AnyResource]) -> Vec<Seen<GeneratedKey>> {
        GeneratedKey::find(context, &Wanted::These(wanted)).await.unwrap()
    }

    /// Returns the content of each file in the folder of ssh files.
    fn files(context: &PlatformContext) -> BTreeMap<String, String> {
        let entries = fs::read_dir(context.state.path().join("ssh")).unwrap().map(Result::unwrap);
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        entries.map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
    }

    #[test]
    fn key_without_its_public_file_differs() {
        let folder = tempfile::tempdir().unwrap();
        let key = key("demo", &context(folder.path()));
        let compared = |public: Option<&str>| {
            let fields = Fields { public: public.map(str::to_owned) };
            key.compare(&Seen::ours(key.id(), "demo.key", fields, Some(())))
        };
        assert_eq!(compared(Some("ssh-ed25519 AAAA demo@devplat\n")), Verdict::Same);
        for (public, what) in
            [(None, "its public key is missing"), (Some("\n"), "the file of its public key is empty")]
        {
            assert_eq!(compared(public), Verdict::Differs(vec![Change::in_place(what)]));
        }
    }

    /// Else the private key, whose public key may be in a cluster, would be overwritten.
    #[tokio::test]
    async fn unreadable_public_key_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let context = context(folder.path());
        let key = AnyResource::new(key("demo", &context));
        fs::create_dir(context.state.user_public_key("demo")).unwrap();
        let wanted = [key];
        let error = GeneratedKey::find(&context, &Wanted::These(&wanted)).await.err().unwrap();
        assert!(error.one_line().contains("demo.pub"), "{}", error.one_line());
    }

    #[tokio::test]
    async fn only_generated_keys_of_dropped_users_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let demo = key("demo", &context);
        let cx = step_alone(&context, demo.id(), Action::Create);
        demo.create(&cx).await.unwrap();
        let write = |name: &str, text: &str| {
            fs::write(context.state.path().join("ssh").join(name), text).unwrap();
        };
        let bob = made(1, "bob@devplat");
        write("bob.key", &bob.private_text());
        write("bob.pub", &bob.public_text());
        // A key of the user's, devplat's key of another platform, a copy under another name, and a file without a key.
        write("own.key", &made(2, "ada@laptop").private_text());
        write("eve.key", &made(3, "eve@team-a").private_text());
        write("copy.key", &bob.private_text());
        write("note.key", "bob@devplat");
        let before = files(&context);
        let seen = found(&context, &[AnyResource::new(demo)]).await;
        let names: Vec<&str> = seen.iter().map(|one| one.id.name().as_str()).collect();
        assert_eq!(names, ["bob", "demo"]);
        let cx = step_alone(&context, seen[0].id.clone(), Action::Delete);
        delete(&seen[0], &cx).await.unwrap();
        let mut kept = before;
        assert!(kept.remove("bob.key").is_some() && kept.remove("bob.pub").is_some());
        assert_eq!(files(&context), kept);
    }

    /// A user may put another public key there.
    #[tokio::test]
    async fn foreign_public_key_beside_a_generated_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let bob = key("bob", &context);
        bob.create(&step_alone(&context, bob.id(), Action::Create)).await.unwrap();
        let other = made(4, "bob@devplat").public_text();
        fs::write(context.state.user_public_key("bob"), &other).unwrap();
        let seen = found(&context, &[]).await.remove(0);
        delete(&seen, &step_alone(&context, bob.id(), Action::Delete)).await.unwrap();
        assert_eq!(files(&context), BTreeMap::from([("bob.pub".to_owned(), other)]));
    }

    #[tokio::test]
    async fn destroy_leaves_keys_to_the_state_folder() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let demo = key("demo", &context);
        demo.create(&step_alone(&context, demo.id(), Action::Create)).await.unwrap();
        assert!(GeneratedKey::find(&context, &Wanted::Nothing).await.unwrap().is_empty());
    }

    #[test]
    fn public_key_is_recognised_with_options_and_any_comment() {
        let key = made(5, "demo@devplat");
        let public = key.public_text();
        let blob = public.split(' ').nth(1).unwrap();
        assert!(is_public_key(&format!("restrict ssh-ed25519 {blob} laptop of demo"), &key));
        assert!(!is_public_key(&made(6, "demo@devplat").public_text(), &key));
    }
}
