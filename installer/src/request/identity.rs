//! Checks that the engine or the cluster is still the same one, by its unique id, because names are reused, and that the
//! platform is not another account's.

use std::fmt;

use devplat_kubernetes::{CallError, context, identity};
use devplat_tool::local::Account;
use kube::Client;

use super::Purpose;
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::{ClusterAccess, NamedCluster, PlatformContext},
    state::{Decisions, Location},
};

/// A platform that another account created.
struct OtherAccount {
    /// The account; `None` if its mark is none that devplat writes.
    account: Option<Account>,
    /// The file or the cluster that names the account.
    named_by: String,
    platform: String,
    /// The account of this run.
    own: Account,
}

impl fmt::Display for OtherAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, named_by, platform, own } = self;
        match account {
            Some(Account { uid, name }) => {
                write!(
                    f,
                    "platform {platform} was created by account {name} (uid {uid}), as {named_by} records"
                )?;
            }
            None => write!(f, "platform {platform} was created by an account that {named_by} does not name")?,
        }
        write!(f, "; this run is by {} (uid {})", own.name, own.uid)
    }
}

/// Fails if the remembered decisions or the cluster that the user named record another account, which the user has not
/// taken over. Verbs that change neither the platform nor its users only print a remark. The marks in a Docker engine are
/// checked by the finders.
pub(super) async fn check_account(
    before: &Decisions,
    context: &PlatformContext,
    purpose: Purpose,
    host: &Host,
) -> Result<(), Failure> {
    let other = match remembered_account(before, context) {
        Some(other) => Some(other),
        None => installed_by(context).await?,
    };
    match (other, purpose) {
        (None, _) => Ok(()),
        (Some(other), Purpose::Plan | Purpose::Look) => {
            host.ui.remark(&format!("note: {other}; verbs that change it need --take-over"));
            Ok(())
        }
        (Some(other), Purpose::Change) => Err(Failure::new(Exit::Usage, other.to_string())
            .maybe_hint(other.account.as_ref().map(|account| format!("run it as {}", account.name)))
            .hint("add --take-over to continue with the platform of the other account")),
    }
}

/// Returns the account that the remembered decisions name, if it is another one.
fn remembered_account(before: &Decisions, context: &PlatformContext) -> Option<OtherAccount> {
    let account = Account::parse(before.account.as_ref()?, ':')?;
    if account.uid == context.account.uid || context.takes_over(&account) {
        return None;
    }
    Some(other(Some(account), format!("state folder {}", context.state.path().display()), context))
}

/// Returns the account that the mark in an existing cluster names, if it is another one. The account may be one of another
/// machine, where the same user ID belongs to another user, so the name counts as well.
async fn installed_by(context: &PlatformContext) -> Result<Option<OtherAccount>, Failure> {
    let Some(named) = &context.named else { return Ok(None) };
    let client = context.client_of(&ClusterAccess::named(named)).await?;
    let mark = match identity::account(&client, context.platform.as_str()).await {
        Ok(mark) => mark,
        Err(error) => return Err(of_cluster(&client, named, context, error).await),
    };
    let Some(mark) = mark else { return Ok(None) };
    let account = Account::parse(&mark, ':');
    let named_by = || format!("the cluster of context {:?}", named.context.name);
    Ok(by_another(account.as_ref(), context).then(|| other(account, named_by(), context)))
}

/// Returns the failure for a call to a cluster. The full check of the cluster gives a better one than the single call. A
/// silent API server is not asked again, because the user would wait twice.
async fn of_cluster(
    client: &Client,
    named: &NamedCluster,
    context: &PlatformContext,
    error: CallError,
) -> Failure {
    if error.is_silent() {
        return named.context.without_answer(error).into();
    }
    match context::reach(client, &named.context, context).await {
        Ok(_) => error.into(),
        Err(better) => better.into(),
    }
}

/// Returns whether a mark in a cluster with this account is neither of this account nor of one that was taken over. A mark
/// that names no account is of another one, until the user agrees in the same run.
fn by_another(account: Option<&Account>, context: &PlatformContext) -> bool {
    match account {
        Some(account) => *account != context.account && !context.takes_over_in_cluster(account),
        None => !context.take_over,
    }
}

fn other(account: Option<Account>, named_by: String, context: &PlatformContext) -> OtherAccount {
    OtherAccount { account, named_by, platform: context.platform.to_string(), own: context.account.clone() }
}

/// Returns the engine or the cluster of the platform.
pub(super) async fn place(context: &PlatformContext) -> Result<Location, Failure> {
    if let Some(named) = &context.named {
        let client = context.client_of(&ClusterAccess::named(named)).await?;
        let uid = match identity::cluster_uid(&client).await {
            Ok(uid) => uid,
            Err(error) => return Err(of_cluster(&client, named, context, error).await),
        };
        return Ok(Location::Cluster { uid: uid.to_string(), server: named.context.server.clone() });
    }
    let engine = context.engine()?;
    Ok(Location::Engine { id: engine.info().await?.id, endpoint: engine.endpoint() })
}

/// Fails if the platform was created in another engine or cluster.
pub(super) fn check(before: &Decisions, now: &Location, context: &PlatformContext) -> Result<(), Failure> {
    let platform = &context.platform;
    // Without the given arguments, which may name another place than the remembered one.
    let line = context.command_line.of_platform();
    let (destroy, forget) = (line.of("destroy"), line.forget_hint());
    let other_name = "or choose another platform name with --name";
    match (&before.place, now) {
        (Some(Location::Engine { id: was, endpoint: at }), Location::Engine { id, endpoint })
            if was != id =>
        {
            let why = format!(
                "platform {platform} was made in the Docker engine {was} at {at}; this one, at {endpoint}, is {id}"
            );
            let there = if at == endpoint {
                "another engine answers at that address now; if the first one is gone, so is the platform"
                    .to_owned()
            } else {
                format!("name that engine again: DOCKER_HOST={at}, or its Docker context")
            };
            Err(Failure::new(Exit::Usage, why).hint(there).hint(forget).hint(other_name))
        }
        (Some(Location::Cluster { uid: was, server: at }), Location::Cluster { uid, server })
            if was != uid =>
        {
            let why = format!(
                "platform {platform} was installed into another cluster: its namespace kube-system had UID {was} (at {at}), this one's has {uid} (at {server})"
            );
            Err(Failure::new(Exit::Usage, why)
                .hint(
                    "if the cluster was recreated under the same name, name the context of the right cluster",
                )
                .hint(forget)
                .hint(other_name))
        }
        (Some(Location::Engine { endpoint, .. }), Location::Cluster { .. }) => {
            let why =
                format!("platform {platform} is in a cluster of its own in the Docker engine at {endpoint}");
            Err(Failure::new(Exit::Usage, why)
                .hint(format!("`{destroy}` deletes that one first"))
                .hint(other_name))
        }
        (Some(Location::Cluster { server, .. }), Location::Engine { .. }) => {
            let why = format!("platform {platform} is installed in the cluster at {server}");
            Err(Failure::new(Exit::Usage, why)
                .hint(format!("`{destroy}` deletes it from there first"))
                .hint(other_name))
        }
        (None, _)
        | (Some(Location::Engine { .. }), Location::Engine { .. })
        | (Some(Location::Cluster { .. }), Location::Cluster { .. }) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::platform_context::{TakenOver, testing};

    #[test]
    fn mark_in_a_cluster_counts_by_user_id_and_name() {
        let context = testing::context(Path::new("/nowhere"))
            .accepting(TakenOver::of(&["1000:other".to_owned(), "4242:third".to_owned()]));
        let of = |mark: &str| by_another(Account::parse(mark, ':').as_ref(), &context);
        for (mark, another) in [
            ("1000:ada", false),
            ("1000:other", false),
            ("1000:eve", true),
            ("4242:third", false),
            ("4242:renamed", true),
            ("no account", true),
        ] {
            assert_eq!(of(mark), another, "{mark}");
        }
    }

    #[test]
    fn unreadable_mark_needs_an_agreement_in_each_run() {
        let mut context = testing::context(Path::new("/nowhere"));
        assert!(by_another(None, &context));
        context.take_over = true;
        assert!(!by_another(None, &context));
        assert_eq!(context.taken_over.texts(), [""; 0]);
    }
}
