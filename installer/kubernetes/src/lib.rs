//! devplat's calls to an API server: contexts, releases, the proof, and facts of a cluster. This crate never prints, never
//! starts a process and never reads the environment or a file. Every wait goes through the caller's [`Pace`],
//! so that the caller can report and stop it.

pub mod admission;
pub mod bastion;
pub mod call;
pub mod capabilities;
mod command_lines;
pub mod context;
pub mod hosting;
pub mod identity;
mod lasting;
pub mod object;
pub mod pace;
pub mod proof;
pub mod recognition;
pub mod release;
pub mod waiting;

pub use call::{CallError, Class, Error};
pub use command_lines::CommandLines;
pub use devplat_connect::{self as connect, Clock, kubeconfig};
pub use object::ObjectRef;
pub use pace::{NotRecorded, Pace, Steady, Stopped};
pub use waiting::Waiting;

#[cfg(test)]
mod tests {
    use std::{
        sync::Arc,
        time::{Duration, SystemTime},
    };

    use crate::{Clock, Steady, admission, bastion, capabilities, context, proof, release};

    /// Compiles only if the futures are `Send`, because the installer spawns them as tasks.
    #[test]
    fn calls_can_be_made_from_any_task() {
        fn task<F: Future<Output: Send> + Send + 'static>(_: impl Fn() -> F) {}
        const LONG: Duration = Duration::from_mins(1);
        const PATIENCE: proof::Patience = proof::Patience { seen: LONG, ready: LONG };
        type Shared = (kube::Client, release::Release, context::Context);
        fn shared() -> Shared {
            unreachable!("never run")
        }
        let data = release::DataLoss::Refused;
        task(|| async {
            let (client, release, _) = shared();
            release::observe(&client, &release, &Steady).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::apply(&client, &release, &Steady).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::wait_ready(&client, &release, LONG, &Steady).await
        });
        task(move || async move {
            let (client, ..) = shared();
            release::remove(&client, "a", "b", data, LONG, &Steady).await
        });
        task(move || async move {
            let (client, ..) = shared();
            release::remove_leftovers(&client, "a", data, LONG, &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::remove_custom_resources(&client, LONG, &Steady).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::trials(&client, &[release], &Steady).await
        });
        task(|| async {
            let (client, release, _) = shared();
            release::strays(&client, "a", &[release], &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::data(&client, "a", &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            release::leaving_data(&client, "a", &Steady).await
        });
        task(|| async {
            let (client, _, context) = shared();
            context::reach(&client, &context, &Steady).await
        });
        task(|| async {
            let (client, _, context) = shared();
            capabilities::ask(&client, &context).await
        });
        task(|| async {
            let (client, ..) = shared();
            admission::try_pods(&client, &[], &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            let begun = proof::begin(&client, "a", "b", PATIENCE, &Steady).await?;
            proof::wait_address(&client, "a", &begun, &Steady).await?;
            let clock: Clock = Arc::new(SystemTime::now);
            let bastion =
                proof::BastionAddress { route: &bastion::Route::PortForward, host: "a", clock: &clock };
            proof::finish(&client, "a", bastion, &begun, &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            proof::clear(&client, "a", release::OperatorPresence::MayStart, &Steady).await
        });
        task(|| async {
            let (client, ..) = shared();
            proof::remove(&client, "a", &Steady).await
        });
    }
}
