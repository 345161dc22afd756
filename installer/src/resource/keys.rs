//! Keys of users that are generated on this machine, so that the new platform can be tried immediately. The public
//! halves go into the cluster. The comment of a key marks it as devplat's, so that no file of the user's is ever deleted.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use devplat_keys::{AuthorizedKeys, PublicKey, UserKey};
use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Physical, Verdict};

use super::{Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, names::KEY};
use crate::{
    failure::{Exit, Failure},
    platform::{
        PlatformInputs,
        user_keys::{self, PrivateFile},
    },
    platform_context::PlatformContext,
    state::StateFolder,
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
    /// The file of the private key.
    private: PrivateFile,
    /// The content of the file of the public key; `None` if it is absent.
    public: Option<String>,
}

impl ResourceKind for GeneratedKey {
    const NAME: super::KindWith<Self::Output> = KEY;
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Nothing;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: true };
    const CREATE: Option<super::kind::Act<Self>> = Some(|key, cx| Box::pin(key.create(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|key, cx| Box::pin(key.create(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|seen, cx| Box::pin(delete(seen, cx)));
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
            let private = user_keys::private_file(state, &user)?;
            let public = state.read(&state.user_public_key(&user))?;
            if public.is_some() || private != PrivateFile::Absent {
                let physical = state.user_key(&user).display().to_string();
                seen.push(Seen::ours(KEY.named(user), physical, Fields { private, public }, Some(())));
            }
        }
        Ok(seen)
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        match difference(&seen.fields) {
            None => Verdict::Same,
            Some(what) => Verdict::Differs(vec![Change::in_place(what)]),
        }
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

/// Returns the difference from an intact pair, and its consequence if the public half changes with it.
fn difference(fields: &Fields) -> Option<&'static str> {
    let Fields { private, public } = fields;
    let key = match private {
        PrivateFile::Whole(key) => key,
        PrivateFile::Absent => return Some("its private key is missing, so `up` generates a new pair"),
        PrivateFile::Damaged => return Some("its private key is damaged, so `up` generates a new pair"),
    };
    let Some(public) = public else { return Some("its public key is missing") };
    let keys = authorized(public.lines());
    if keys.contains(key) {
        None
    } else if keys.is_empty() {
        Some("the file of its public key has no key")
    } else {
        Some("the file of its public key has another key")
    }
}

impl GeneratedKey {
    async fn create(&self, cx: &Cx) -> Result<Physical, Failure> {
        self.state.make_ssh()?;
        let path = self.state.user_key(&self.user);
        let key = match user_keys::private_file(&self.state, &self.user)? {
            // Its public half may already be in a cluster, so never overwrite it.
            PrivateFile::Whole(key) => key,
            PrivateFile::Absent => self.generate(&path, cx).await?,
            PrivateFile::Damaged => {
                self.keep_damaged(&path, cx).await?;
                self.generate(&path, cx).await?
            }
        };
        let line = user_keys::line(&key, &self.user, &self.platform);
        // Write the public key last, so that it shows that both files exist.
        cx.write_file(&self.state.user_public_key(&self.user), &(line + "\n")).await?;
        Ok(Physical(path.display().to_string()))
    }

    /// Writes a new private key and returns its public half.
    async fn generate(&self, path: &Path, cx: &Cx) -> Result<PublicKey, Failure> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Failure::new(Exit::Missing, format!("cannot generate the key of user {}: {error}", self.user))
        })?;
        let key = UserKey::from_seed(seed, &user_keys::mark(&self.user, &self.platform));
        cx.write_file(path, &key.private_text()).await?;
        Ok(key.public_key().clone())
    }

    /// Copies a damaged private key to a file beside it, because it may be a key of the user's in another format.
    async fn keep_damaged(&self, path: &Path, cx: &Cx) -> Result<(), Failure> {
        let text = self.state.read(path)?.unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(());
        }
        let copy = path.with_extension("key.damaged");
        cx.write_file(&copy, &text).await?;
        cx.remark(&format!("the damaged private key is now in {}", copy.display()));
        Ok(())
    }
}

/// Deletes the files of a key, after a look that devplat generated it.
async fn delete(seen: &Seen<GeneratedKey>, cx: &Cx) -> Result<(), Failure> {
    let (state, user) = (&cx.context.state, seen.id.name().as_str());
    let Some(key) = marked_key(state, user, cx.context.platform.as_str())? else { return Ok(()) };
    let public = state.user_public_key(user);
    if state.read(&public)?.is_some_and(|text| authorized(text.lines()).contains(&key)) {
        cx.delete_file(&public).await?;
    }
    // The private key has the mark, so it is deleted last.
    cx.delete_file(&state.user_key(user)).await
}

/// Returns the users who sign in with a generated key although the profile does not set `generateKey`: it lists the
/// public key itself, for this user or another.
fn listed(inputs: &PlatformInputs) -> Result<Vec<String>, Failure> {
    let lines = inputs.profile.users.values().flat_map(|user| &user.ssh_keys);
    let keys = authorized(lines.map(String::as_str));
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let generated = marked(&inputs.state, inputs.platform.as_str())?.into_iter();
    Ok(generated.filter(|(_, key)| keys.contains(key)).map(|(user, _)| user).collect())
}

/// Returns the public halves of the keys in the state folder that devplat generated for the platform, by user.
fn marked(state: &StateFolder, platform: &str) -> Result<Vec<(String, PublicKey)>, Failure> {
    let mut marked = Vec::new();
    for user in state.users_with_keys()? {
        if let Some(key) = marked_key(state, &user, platform)? {
            marked.push((user, key));
        }
    }
    Ok(marked)
}

/// Returns the public half of a user's key; `None` unless devplat generated it for the platform.
fn marked_key(state: &StateFolder, user: &str, platform: &str) -> Result<Option<PublicKey>, Failure> {
    Ok(match user_keys::private_file(state, user)? {
        PrivateFile::Whole(key) => {
            let marked = key.comment().as_str_lossy() == user_keys::mark(user, platform);
            marked.then_some(key)
        }
        PrivateFile::Absent | PrivateFile::Damaged => None,
    })
}

/// Returns the keys in lines as in `authorized_keys`, without the lines that are not keys.
fn authorized<'a>(lines: impl IntoIterator<Item = &'a str>) -> AuthorizedKeys {
    AuthorizedKeys::parse(lines).0
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::{
        platform_context::testing::context,
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
    fn pair_whose_files_do_not_fit_differs() {
        let folder = tempfile::tempdir().unwrap();
        let key = key("demo", &context(folder.path()));
        let own = made(1, "demo@devplat");
        let whole = PrivateFile::Whole(own.public_key().clone());
        let compared = |private: &PrivateFile, public: Option<&str>| {
            let fields = Fields { private: private.clone(), public: public.map(str::to_owned) };
            key.compare(&Seen::ours(key.id(), "demo.key", fields, Some(())))
        };
        let (line, other) = (own.public_text(), made(2, "demo@devplat").public_text());
        for public in [line.as_str(), &format!("{line} of ada\n"), &format!("# mine\n{line}\n")] {
            assert_eq!(compared(&whole, Some(public)), Verdict::Same, "{public:?}");
        }
        let cases: [(&PrivateFile, Option<&str>, &str); 6] = [
            (&whole, None, "its public key is missing"),
            (&whole, Some("\n"), "the file of its public key has no key"),
            (&whole, Some("rubbish"), "the file of its public key has no key"),
            (&whole, Some(&other), "the file of its public key has another key"),
            (&PrivateFile::Absent, Some(&line), "its private key is missing, so `up` generates a new pair"),
            (&PrivateFile::Damaged, Some(&line), "its private key is damaged, so `up` generates a new pair"),
        ];
        for (private, public, what) in cases {
            let differs = Verdict::Differs(vec![Change::in_place(what)]);
            assert_eq!(compared(private, public), differs, "{public:?}");
        }
    }

    /// Brings the found files of `demo` to the wanted state, as `up` does.
    async fn restored(context: &Arc<PlatformContext>) -> BTreeMap<String, String> {
        let demo = key("demo", context);
        let wanted = [AnyResource::new(demo.clone())];
        let seen = found(context, &wanted).await.remove(0);
        assert_ne!(demo.compare(&seen), Verdict::Same);
        demo.create(&step_alone(context, demo.id(), Action::Update)).await.unwrap();
        let seen = found(context, &wanted).await.remove(0);
        assert_eq!(demo.compare(&seen), Verdict::Same);
        files(context)
    }

    #[tokio::test]
    async fn lost_or_damaged_public_key_is_written_again_from_the_private_key() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let demo = key("demo", &context);
        demo.create(&step_alone(&context, demo.id(), Action::Create)).await.unwrap();
        let (before, public) = (files(&context), context.state.user_public_key("demo"));
        fs::remove_file(&public).unwrap();
        assert_eq!(restored(&context).await, before);
        for damaged in ["", "rubbish\n", &made(1, "demo@devplat").public_text()] {
            fs::write(&public, damaged).unwrap();
            assert_eq!(restored(&context).await, before, "{damaged:?}");
        }
    }

    #[tokio::test]
    async fn lost_or_damaged_private_key_is_replaced_by_a_new_pair() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let demo = key("demo", &context);
        demo.create(&step_alone(&context, demo.id(), Action::Create)).await.unwrap();
        let private = context.state.user_key("demo");
        let text = fs::read_to_string(&private).unwrap();
        fs::remove_file(&private).unwrap();
        assert_ne!(restored(&context).await["demo.key"], text);
        fs::write(&private, "").unwrap();
        assert!(!restored(&context).await.contains_key("demo.key.damaged"), "there was nothing to keep");
        fs::write(&private, &text[..100]).unwrap();
        let files = restored(&context).await;
        assert_eq!(files["demo.key.damaged"], text[..100]);
        assert_eq!(files.keys().collect::<Vec<_>>(), ["demo.key", "demo.key.damaged", "demo.pub"]);
    }

    /// A user may put a key pair of their own in place of the generated one.
    #[tokio::test]
    async fn intact_private_key_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let context = Arc::new(context(folder.path()));
        let own = made(2, "ada@laptop");
        let demo = key("demo", &context);
        demo.create(&step_alone(&context, demo.id(), Action::Create)).await.unwrap();
        fs::write(context.state.user_key("demo"), own.private_text()).unwrap();
        let files = restored(&context).await;
        assert_eq!(files["demo.key"], own.private_text());
        assert!(authorized(files["demo.pub"].lines()).contains(own.public_key()));
    }

    /// Else a new pair would replace a private key whose public half may be in a cluster.
    #[tokio::test]
    async fn unreadable_file_of_a_key_is_an_error() {
        for name in ["demo.pub", "demo.key"] {
            let folder = tempfile::tempdir().unwrap();
            let context = context(folder.path());
            let wanted = [AnyResource::new(key("demo", &context))];
            fs::create_dir(context.state.path().join("ssh").join(name)).unwrap();
            let error = GeneratedKey::find(&context, &Wanted::These(&wanted)).await.err().unwrap();
            assert!(error.one_line().contains(name), "{}", error.one_line());
        }
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
}
