//! What a verb works with: where it runs, the cluster, and the terminal. Each is found when it is first needed.

use k8s_openapi::jiff::SignedDuration;
use tokio::sync::OnceCell;

use super::arguments::Global;
use crate::{
    cluster::Cluster,
    failure::Failure,
    handover,
    invocation::{Invocation, Way},
    place::{Bastion, Place},
    settings::Settings,
    terminal::Terminal,
    view::{self, Format, Show, token_end},
};

/// A token that ends sooner is not begun anything with.
const SPARE: SignedDuration = SignedDuration::from_mins(1);

/// What a verb works with. In the prompt, one for all lines: the second is then asked on the first one's connection.
pub(crate) struct Session {
    pub(crate) global: Global,
    pub(crate) invocation: Invocation,
    pub(crate) place: Place,
    pub(crate) terminal: Terminal,
    cluster: OnceCell<Cluster>,
}

impl Session {
    /// One as the command line and the environment ask for.
    pub(crate) fn new(global: Global, invocation: Invocation, terminal: Terminal) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok();
        let place = Place::find(global.settings(), variable, || Settings::of_file(variable))?;
        Ok(Self { global, invocation, place, terminal, cluster: OnceCell::new() })
    }

    /// Returns the same for the prompt.
    pub(crate) fn at_prompt(self) -> Self {
        // The flags hold for every line, which does not repeat them.
        Self { invocation: Invocation::new(Way::Prompt), ..self }
    }

    /// The same for a token that lives longer. Where there is none to be had, the old one has to do.
    pub(crate) async fn renewed(self) -> Self {
        let Place::Bastion(Bastion { control: Some(control), token, .. }) = &self.place else { return self };
        let (control, now) = (*control, self.terminal.look().now);
        if token_end(token).is_none_or(|end| end.duration_since(now) > SPARE) {
            return self;
        }
        match tokio::task::spawn_blocking(move || handover::new_token(control)).await {
            Ok(Ok(token)) => {
                let mut place = self.place;
                if let Place::Bastion(bastion) = &mut place {
                    bastion.token = token;
                }
                Self { place, cluster: OnceCell::new(), ..self }
            }
            Ok(Err(_)) | Err(_) => self,
        }
    }

    /// The cluster.
    pub(crate) async fn cluster(&self) -> Result<&Cluster, Failure> {
        Ok(self.cluster.get_or_try_init(|| Cluster::open(&self.place)).await?)
    }

    /// The cluster, if something has been asked of it.
    pub(crate) fn opened(&self) -> Option<&Cluster> {
        self.cluster.get()
    }

    /// Shows what was found.
    pub(crate) fn show(&self, what: &impl Show, format: Format) {
        self.terminal.say(&view::text(what, format, &self.terminal.look()));
    }
}
