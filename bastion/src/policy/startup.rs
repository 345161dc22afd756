//! Who has to go when many connections have not logged in yet: OpenSSH's `MaxStartups 10:30:100`, with one difference.
//! OpenSSH turns the newcomer away, so that a hundred silent connections keep everybody out; here the one goes that
//! came least far.

use std::time::Duration;

/// So many may be on their way without anybody having to go.
const BEGIN: usize = 10;
/// From then on, chance in percent that somebody has to; it grows to 100 at [`FULL`].
const RATE: usize = 30;
/// More than these are never on their way.
const FULL: usize = 100;
/// Whoever has not been here as long as this is given the time to say something, while there is room.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Connected.
    Silent,
    /// Said that it speaks SSH.
    Greeted,
    /// Agreed on keys, and tried to log in.
    Tried,
}

/// A connection that has not logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<I> {
    /// Which.
    pub id: I,
    /// How far it came.
    pub stage: Stage,
    /// How long it has been here.
    pub age: Duration,
}

/// What becomes of a newcomer. It always gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<I> {
    /// There is room.
    Admit,
    /// That one has to go.
    InPlaceOf(I),
}

/// Makes room for a newcomer among `others`. `chance` is from 0 to 99.
pub fn newcomer<I: Copy>(others: &[Standing<I>], chance: usize) -> Verdict<I> {
    let count = others.len();
    if count < BEGIN || chance >= RATE + (100 - RATE) * (count - BEGIN) / (FULL - BEGIN) {
        return Verdict::Admit;
    }
    let least = |patience: Duration| {
        others
            .iter()
            .filter(|one| one.age >= patience)
            .min_by_key(|one| (one.stage, std::cmp::Reverse(one.age)))
            .map_or(Verdict::Admit, |one| Verdict::InPlaceOf(one.id))
    };
    if count < FULL { least(PATIENCE) } else { least(Duration::ZERO) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(count: usize, stage: Stage, age: u64) -> Vec<Standing<usize>> {
        (0..count).map(|id| Standing { id, stage, age: Duration::from_secs(age) }).collect()
    }

    #[test]
    fn few_are_left_alone() {
        assert_eq!(newcomer(&crowd(9, Stage::Silent, 60), 0), Verdict::Admit);
    }

    #[test]
    fn the_chance_to_go_grows_with_the_crowd() {
        let gone = |count| {
            let crowd = crowd(count, Stage::Silent, 60);
            (0..100).filter(|chance| newcomer(&crowd, *chance) != Verdict::Admit).count()
        };
        assert_eq!([gone(10), gone(55), gone(100), gone(200)], [30, 65, 100, 100]);
    }

    #[test]
    fn who_just_came_may_stay_while_there_is_room() {
        assert_eq!(newcomer(&crowd(99, Stage::Silent, 0), 0), Verdict::Admit);
        assert_ne!(newcomer(&crowd(100, Stage::Silent, 0), 0), Verdict::Admit);
    }

    #[test]
    fn who_is_logging_in_stays_when_silent_ones_are_there() {
        let mut crowd = crowd(100, Stage::Silent, 0);
        crowd[7] = Standing { id: 7, stage: Stage::Tried, age: Duration::from_mins(1) };
        crowd[9] = Standing { id: 9, stage: Stage::Silent, age: Duration::from_mins(1) };
        assert_eq!(newcomer(&crowd, 0), Verdict::InPlaceOf(9));
    }
}
