//! The needs of profile eks: a region, credentials, and an account that accepts them.

use devplat_aws::{CallerSettings, ChosenRegion, FoundCredentials, Identity, Look, Region, RegionSource};
use devplat_profile::EksCluster;
use jiff::Timestamp;

use super::prerequisite::Prerequisite;
use crate::{
    failure::{Exit, Failure},
    host::Host,
};

/// Asks AWS for the account of this machine's credentials. A failed step ends the list.
pub(super) async fn findings(eks: &EksCluster, host: &Host) -> Result<Vec<Prerequisite>, Failure> {
    let region = match &eks.region {
        Some(name) => {
            let parsed = name.as_str().parse::<Region>();
            Some(parsed.map_err(|error| Failure::of(Exit::Usage, &error))?)
        }
        None => None,
    };
    Ok(match Box::pin(devplat_aws::look(region, &surroundings(host))).await {
        Ok(look) => of(look, (host.now)()),
        Err(error) => vec![finding("AWS certificates", Err(error.into()))],
    })
}

fn surroundings(host: &Host) -> CallerSettings {
    let text = |value: &std::ffi::OsString| value.to_str().map(str::to_owned);
    let variables = host.surroundings.variables.iter();
    CallerSettings {
        variables: variables.filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect(),
        home: host.surroundings.home.clone(),
        now: host.now.clone(),
    }
}

fn of(look: Look, now: Timestamp) -> Vec<Prerequisite> {
    let Look { region, credentials, identity } = look;
    let region = finding("AWS region", region.as_ref().map(named).map_err(Failure::from));
    let credentials = credentials.map(|found| {
        let shown = found.as_ref().map(|found| with_end(found, now));
        finding("AWS credentials", shown.map_err(Failure::from))
    });
    let account = identity.map(|answer| {
        let shown = answer.as_ref().map(account);
        finding("AWS account", shown.map_err(Failure::from))
    });
    [Some(region), credentials, account].into_iter().flatten().collect()
}

fn named(chosen: &ChosenRegion) -> String {
    let ChosenRegion { region, from } = chosen;
    match from {
        RegionSource::Caller => format!("{region}, by the profile"),
        RegionSource::Variable(name) => format!("{region}, by ${name}"),
        RegionSource::AwsProfile(name) => format!("{region}, by AWS profile {name}"),
    }
}

fn with_end(found: &FoundCredentials, now: Timestamp) -> String {
    let from = &found.from;
    match found.until {
        None => from.to_string(),
        Some(until) => {
            let minutes = until.duration_since(now).as_mins().max(0);
            format!("{from}; they expire in {} h {} min", minutes / 60, minutes % 60)
        }
    }
}

fn account(identity: &Identity) -> String {
    let Identity { account, partition, principal } = identity;
    format!("{account} in partition {partition}, as {principal}")
}

/// Returns a row. Its remedy has the causes and every hint, because a failure of AWS is rarely known by its first line.
fn finding(name: &'static str, found: Result<String, Failure>) -> Prerequisite {
    let (has, remedy) = match found {
        Ok(has) => (Some(has), None),
        Err(failure) => (None, Some(failure.one_line_with_hints())),
    };
    Prerequisite { name, needed: true, has, installed: false, remedy }
}
