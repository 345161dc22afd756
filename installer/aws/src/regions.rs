//! The regions of an account, by `DescribeRegions` of EC2: whether one exists, and whether it is switched on.

use aws_config::SdkConfig;
use aws_sdk_ec2::Client;

use crate::Region;

/// The state of a region by EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegionState {
    /// It is switched on.
    On,
    /// It is switched off.
    Off,
    /// There is none of this name; perhaps this one is meant.
    Absent(Option<Region>),
}

/// The status of regions that have to be switched on and are not.
const OFF: &str = "not-opted-in";
/// Names with at most this many different characters are similar.
const SIMILAR: usize = 2;

/// Returns the state of a region. `None` if EC2 does not report it, as without the permission `ec2:DescribeRegions`.
pub(crate) async fn state(config: &SdkConfig, region: &Region) -> Option<RegionState> {
    let answer = Client::new(config).describe_regions().all_regions(true).send().await;
    let answer = answer.inspect_err(|error| tracing::debug!(?error, "DescribeRegions")).ok()?;
    let listed = answer.regions().iter();
    let listed: Vec<(&str, &str)> =
        listed.filter_map(|one| Some((one.region_name()?, one.opt_in_status()?))).collect();
    Some(of(&listed, region))
}

fn of(listed: &[(&str, &str)], region: &Region) -> RegionState {
    match listed.iter().find(|(name, _)| *name == region.as_str()) {
        Some((_, OFF)) => RegionState::Off,
        Some(_) => RegionState::On,
        None => {
            let distance = |name: &str| strsim::damerau_levenshtein(name, region.as_str());
            let similar = listed.iter().map(|(name, _)| (distance(name), *name));
            let nearest = similar.filter(|(distance, _)| *distance <= SIMILAR).min();
            RegionState::Absent(nearest.and_then(|(_, name)| name.parse().ok()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_is_on_off_or_absent() {
        let listed =
            [("eu-central-1", "opt-in-not-required"), ("me-south-1", OFF), ("af-south-1", "opted-in")];
        let state = |name: &str| of(&listed, &name.parse().unwrap());
        assert_eq!(state("eu-central-1"), RegionState::On);
        assert_eq!(state("af-south-1"), RegionState::On);
        assert_eq!(state("me-south-1"), RegionState::Off);
        assert_eq!(state("eu-cnetral-1"), RegionState::Absent(Some("eu-central-1".parse().unwrap())));
        assert_eq!(state("xx-nowhere-1"), RegionState::Absent(None));
    }
}
