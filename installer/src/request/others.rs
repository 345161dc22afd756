//! The other platforms of this account, for a run about a platform that it does not know: the name may be mistyped, and
//! a second platform would surprise.

use devplat_profile::PlatformName;

use super::{Asked, Purpose, refusal::DEFAULT};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::StateFolder,
};

/// How many other platforms are listed with a line to type.
const LISTED: usize = 5;

/// The other platforms that this account knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Others {
    names: Vec<PlatformName>,
    purpose: Purpose,
}

impl Others {
    /// Returns those beside the platform of `state`. A run that only looks creates nothing, so it needs none.
    pub(super) fn of(state: &StateFolder, purpose: Purpose) -> Result<Self, Failure> {
        let names = match purpose {
            Purpose::Change | Purpose::Plan => {
                state.others()?.into_iter().map(|known| known.platform).collect()
            }
            Purpose::Look => Vec::new(),
        };
        Ok(Self::named(names, purpose))
    }

    pub(super) fn named(mut names: Vec<PlatformName>, purpose: Purpose) -> Self {
        names.sort();
        Self { names, purpose }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Asks whether to create a new platform without a named profile, with the default one. `--yes` does not answer.
    pub(super) fn confirm_new(&self, asked: &Asked, host: &Host) -> Result<(), Failure> {
        let refused = || self.refusal(&self.why(asked), asked);
        match self.purpose {
            Purpose::Change if !asked.yes => {
                let question = self.question(asked);
                host.choose(&question, || self.refusal("no platform was created", asked), refused)
            }
            Purpose::Change | Purpose::Plan | Purpose::Look => Err(refused()),
        }
    }

    fn question(&self, asked: &Asked) -> String {
        let (name, list) = (asked.platform(), self.list());
        format!(
            "platform {name} is not known here; known: {list}. Create a NEW platform {name} with {DEFAULT}?"
        )
    }

    fn why(&self, asked: &Asked) -> String {
        let (name, list) = (asked.platform(), self.list());
        format!("platform {name} is not known here, and no profile is named for a new one; known: {list}")
    }

    fn list(&self) -> String {
        self.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// Returns the failure with the lines to type.
    fn refusal(&self, why: &str, asked: &Asked) -> Failure {
        let verb = if self.purpose == Purpose::Plan { "plan" } else { "up" };
        let mut failure = Failure::new(Exit::Usage, why);
        for name in self.names.iter().take(LISTED) {
            let line = Asked { name: Some(name.clone()), ..asked.clone() }.again(verb);
            failure = failure.hint(format!("for platform {name}, which is known: `{line}`"));
        }
        let (name, profile) = (asked.platform(), Some(DEFAULT.to_owned()));
        let line = Asked { name: Some(name.clone()), profile, ..asked.clone() }.again(verb);
        failure.hint(format!("for a new platform {name}, name its profile: `{line}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PlatformName {
        text.parse().unwrap()
    }

    #[test]
    fn new_platform_beside_others_names_them_and_the_lines_to_type() {
        let others = Others { names: vec![name("devplat"), name("team-a")], purpose: Purpose::Change };
        let asked = Asked { name: Some(name("typo")), yes: true, ..Asked::default() };
        let failure = others.refusal(&others.why(&asked), &asked);
        assert_eq!(failure.exit, Exit::Usage);
        let why =
            "platform typo is not known here, and no profile is named for a new one; known: devplat, team-a";
        assert_eq!(failure.message, why);
        assert_eq!(
            failure.hints,
            [
                "for platform devplat, which is known: `devplat up --name devplat`",
                "for platform team-a, which is known: `devplat up --name team-a`",
                "for a new platform typo, name its profile: `devplat up --name typo --profile kind`",
            ]
        );
        let question =
            "platform typo is not known here; known: devplat, team-a. Create a NEW platform typo with kind?";
        assert_eq!(others.question(&asked), question);
    }

    #[test]
    fn plan_is_suggested_to_a_plan() {
        let others = Others { names: vec![name("team-a")], purpose: Purpose::Plan };
        let hints = others.refusal("", &Asked::default()).hints;
        assert_eq!(
            hints,
            [
                "for platform team-a, which is known: `devplat plan --name team-a`",
                "for a new platform devplat, name its profile: `devplat plan --name devplat --profile kind`",
            ]
        );
    }
}
