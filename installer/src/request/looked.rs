//! The places in which a run has searched for a platform, for messages.

use crate::failure::{Exit, Failure};

/// A place that a run wanted to search.
#[derive(Debug)]
pub enum Looked {
    /// It was searched.
    In(String),
    /// It could not be reached, so a platform may be there.
    NotReached(Failure),
}

impl Looked {
    /// Adds the places to the failure for a platform that was not found in them.
    pub(super) fn add_to(all: &[Self], mut failure: Failure) -> Failure {
        for place in all {
            failure = match place {
                Self::In(place) => {
                    failure.causes.push(format!("not found in {place}"));
                    failure
                }
                Self::NotReached(why) => {
                    failure.causes.push(format!("not searched: {}", why.one_line()));
                    failure.with_hints(why.hints.clone())
                }
            };
        }
        failure
    }

    /// Returns the kind of the failure for a platform that was not found in these places: that of the first one that could
    /// not be asked, else wrong usage.
    pub(super) fn exit<'a>(all: impl IntoIterator<Item = &'a Self>) -> Exit {
        let unasked = all.into_iter().find_map(|place| match place {
            Self::In(_) => None,
            Self::NotReached(why) => (why.exit != Exit::Usage).then_some(why.exit),
        });
        unasked.unwrap_or(Exit::Usage)
    }

    /// Returns the searched places in one text.
    pub fn searched(all: &[Self]) -> String {
        let places = all.iter().filter_map(|place| match place {
            Self::In(place) => Some(place.as_str()),
            Self::NotReached(_) => None,
        });
        places.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_that_was_not_reached_is_not_called_searched() {
        let folder = Looked::In("state folder /state/a".to_owned());
        let engine = Failure::new(Exit::Missing, "the Docker engine at unix:///d is not running");
        let all = [folder, Looked::NotReached(engine.hint("start it"))];
        let failure = Looked::add_to(&all, Failure::new(Exit::Usage, "platform a is not found"));
        let causes = [
            "not found in state folder /state/a",
            "not searched: the Docker engine at unix:///d is not running",
        ];
        assert_eq!(failure.causes, causes);
        assert_eq!(failure.hints, ["start it"]);
        assert_eq!(Looked::searched(&all), "state folder /state/a");
    }

    #[test]
    fn place_that_could_not_be_asked_gives_the_exit_status() {
        let unasked = |exit| Looked::NotReached(Failure::new(exit, "x"));
        let searched = || Looked::In("state folder /state/a".to_owned());
        for (all, exit) in [
            (vec![searched()], Exit::Usage),
            (vec![searched(), unasked(Exit::PartWay), unasked(Exit::Missing)], Exit::PartWay),
            (vec![searched(), unasked(Exit::Missing)], Exit::Missing),
            // A context that is wrong in the kubeconfig.
            (vec![unasked(Exit::Usage), unasked(Exit::Missing)], Exit::Missing),
            (vec![unasked(Exit::Usage)], Exit::Usage),
        ] {
            assert_eq!(Looked::exit(&all), exit, "{all:?}");
        }
    }
}
