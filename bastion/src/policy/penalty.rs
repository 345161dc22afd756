//! Sources that behave badly have to wait, as with OpenSSH's `PerSourcePenalties`. Times come from the caller.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use ipnet::IpNet;

/// Below this, what a source has gathered is forgiven.
const MIN: Duration = Duration::from_secs(15);
/// No source waits longer.
const MAX: Duration = Duration::from_mins(10);
/// Sources that are remembered. Beyond, those whose time ends first are forgotten.
const SOURCES: usize = 65_536;

/// What somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// Made the connection's task fail.
    Crash,
    /// Had no key that fits.
    AuthenticationFailed,
    /// Wanted to be somebody who does not exist.
    InvalidUser,
    /// Went away without having tried.
    NoAuthentication,
    /// Took too long.
    GraceExceeded,
}

impl Misdeed {
    fn penalty(self) -> Duration {
        Duration::from_secs(match self {
            Self::Crash => 90,
            Self::AuthenticationFailed | Self::InvalidUser => 5,
            Self::NoAuthentication => 1,
            Self::GraceExceeded => 10,
        })
    }
}

/// Where somebody comes from: an IPv4 address, or what one household has of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))))
            }
        }
    }
}

/// Who has to wait until when. Times are since any one moment.
#[derive(Debug)]
pub struct Penalties {
    until: HashMap<Source, Duration>,
    exempt: Vec<IpNet>,
}

impl Penalties {
    /// Nobody waits. Addresses in `exempt` never do: many people share one where a node or a load balancer puts its
    /// own in place of theirs, and one of them must not keep the others out.
    pub fn new(exempt: Vec<IpNet>) -> Self {
        Self { until: HashMap::new(), exempt }
    }

    /// Whether `address` may connect.
    pub fn admits(&self, address: IpAddr, now: Duration) -> bool {
        self.until.get(&Source::of(address)).is_none_or(|until| until.saturating_sub(now) <= MIN)
    }

    /// Remembers what `address` did.
    pub fn add(&mut self, address: IpAddr, misdeed: Misdeed, now: Duration) {
        let address = address.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&address)) {
            return;
        }
        let source = Source::of(address);
        if !self.until.contains_key(&source) && self.until.len() >= SOURCES {
            self.make_room(now);
        }
        let until = self.until.entry(source).or_insert(now);
        *until = (*until).max(now).saturating_add(misdeed.penalty()).min(now + MAX);
    }

    fn make_room(&mut self, now: Duration) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() < SOURCES {
            return;
        }
        // A sixteenth at once, so that this is not done for each newcomer.
        let mut ends: Vec<Duration> = self.until.values().copied().collect();
        let (_, border, _) = ends.select_nth_unstable(SOURCES / 16);
        let border = *border;
        self.until.retain(|_, until| *until > border);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn bad(misdeeds: &[Misdeed]) -> Penalties {
        let mut penalties = Penalties::new(vec!["10.0.0.0/8".parse().unwrap()]);
        for misdeed in misdeeds {
            penalties.add("192.0.2.7".parse().unwrap(), *misdeed, ZERO);
        }
        penalties
    }

    fn admits(penalties: &Penalties, address: &str, now: u64) -> bool {
        penalties.admits(address.parse().unwrap(), seconds(now))
    }

    #[test]
    fn a_few_mistakes_are_forgiven_and_more_are_not() {
        assert!(admits(&bad(&[Misdeed::AuthenticationFailed; 3]), "192.0.2.7", 0));
        let penalties = bad(&[Misdeed::AuthenticationFailed; 4]);
        assert!(!admits(&penalties, "192.0.2.7", 0));
        assert!(admits(&penalties, "192.0.2.7", 5), "the time that is left counts");
        assert!(admits(&penalties, "192.0.2.8", 0), "others do not wait with it");
    }

    #[test]
    fn nobody_waits_longer_than_ten_minutes() {
        let penalties = bad(&[Misdeed::Crash; 100]);
        assert!(!admits(&penalties, "192.0.2.7", 500));
        assert!(admits(&penalties, "192.0.2.7", 600));
    }

    #[test]
    fn addresses_that_many_share_are_exempt() {
        let mut penalties = bad(&[]);
        penalties.add("::ffff:10.1.2.3".parse().unwrap(), Misdeed::Crash, ZERO);
        assert!(admits(&penalties, "10.1.2.3", 0));
    }

    #[test]
    fn a_household_of_ipv6_is_one_source() {
        let mut penalties = bad(&[]);
        penalties.add("2001:db8::1".parse().unwrap(), Misdeed::Crash, ZERO);
        assert!(!admits(&penalties, "2001:db8::ffff", 0));
        assert!(admits(&penalties, "2001:db8:0:1::1", 0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut penalties = Penalties::new(Vec::new());
        for number in 0..u32::try_from(SOURCES + 1000).unwrap() {
            penalties.add(IpAddr::V4(number.into()), Misdeed::Crash, ZERO);
        }
        assert!(penalties.until.len() <= SOURCES);
    }
}
