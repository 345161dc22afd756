//! The places in which a run has searched for a platform, for messages.

use crate::failure::Failure;

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
    use crate::failure::Exit;

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
}
