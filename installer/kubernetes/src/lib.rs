//! What devplat says to an API server: releases, contexts and the proof. It never prints, never starts a
//! process and never reads the environment.

pub mod call;
pub mod context;
pub mod door;
pub mod object;
pub mod proof;
pub mod release;
pub mod waiting;

pub use call::Error;
pub use object::ObjectRef;
pub use waiting::Waiting;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{context, proof, release};

    /// Compiles or does not: an installer runs these as tasks of their own.
    #[test]
    fn calls_can_be_made_from_any_task() {
        fn task<F: Future<Output: Send> + Send + 'static>(_: impl Fn() -> F) {}
        fn tell(_: &crate::Waiting) {}
        const LONG: Duration = Duration::from_mins(1);
        type Shared = (kube::Client, release::Release, context::Context);
        fn shared() -> Shared {
            unreachable!("never run")
        }
        let data = release::DataLoss::Refused;
        task(|| async {
            let (client, release, _) = shared();
            release::observe(&client, &release).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::apply(&client, &release, &tell).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::wait_ready(&client, &release, LONG, &tell).await
        });
        task(move || async move {
            let (client, ..) = shared();
            release::remove(&client, "a", "b", data, LONG, &tell).await
        });
        task(move || async move {
            let (client, ..) = shared();
            release::remove_leftovers(&client, "a", data, LONG, &tell).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::remove_custom_resources(&client, LONG, &tell).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::remove_namespace(&client, "a", LONG, &tell).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::leftovers(&client, "a").await
        });
        task(|| async {
            let (client, ..) = shared();
            release::data(&client, "a").await
        });
        task(|| async {
            let (client, _, context) = shared();
            context::reach(&client, &context).await
        });
        task(|| async {
            let (client, ..) = shared();
            let patience = proof::Patience { seen: LONG, ready: LONG };
            let key = proof::begin(&client, "a", "b", patience, &tell).await?;
            let way = proof::Way { door: &crate::door::Door::PortForward, host: "a" };
            proof::finish(&client, "a", way, &key, &tell).await
        });
        task(|| async {
            let (client, ..) = shared();
            proof::clear(&client, "a", &tell).await
        });
    }
}
