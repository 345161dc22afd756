//! The offers of AWS: regions, availability zones and attributes of the account.

use serde_json::{Value, json};

use super::{
    filter,
    input::Input,
    kind::{Call, Cx, members},
};
use crate::{
    refusal::{Refusal, refused},
    state::{
        place::{PLACES, Place},
        thing::Members,
    },
};

pub(crate) const CALLS: &[Call] = &[
    Call {
        name: "DescribeAvailabilityZones",
        reads: &["ZoneNames", "ZoneIds", "Filters", "AllAvailabilityZones"],
        act: zones,
    },
    Call { name: "DescribeRegions", reads: &["RegionNames", "Filters", "AllRegions"], act: regions },
    Call { name: "DescribeAccountAttributes", reads: &["AttributeNames"], act: attributes },
];

/// Returns the rows that the filters let through and that have one of the wanted names. A name that no row has is refused.
fn chosen(
    rows: impl Iterator<Item = Members>,
    input: Input<'_>,
    (call, filters): (&str, &[(&'static str, &'static str)]),
    wanted: &[(&str, &str)],
) -> Result<Vec<Members>, Refusal> {
    let filters = filter::read(input, call, filters)?;
    let mut rows: Vec<Members> = rows.collect();
    for (list, member) in wanted {
        let names = input.texts(list);
        let has = |row: &Members, name: &str| row.get(*member).and_then(Value::as_str) == Some(name);
        if let Some(name) = names.iter().find(|name| !rows.iter().any(|row| has(row, name))) {
            return Err(refused("InvalidParameterValue", format!("Invalid {member}: [{name}]")));
        }
        rows.retain(|row| names.is_empty() || names.iter().any(|name| has(row, name)));
    }
    rows.retain(|row| filters.iter().all(|filter| filter.matches(row)));
    Ok(rows)
}

fn zones(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let region = cx.place.name;
    let rows = cx.place.zones().map(|(name, id)| {
        members(json!({
            "ZoneName": name,
            "ZoneId": id,
            "RegionName": region,
            "GroupName": format!("{region}-zg-1"),
            "NetworkBorderGroup": region,
            "ZoneType": "availability-zone",
            "OptInStatus": "opt-in-not-required",
            "State": "available",
            "Messages": [],
        }))
    });
    let filters: &[(&str, &str)] = &[
        ("region-name", "RegionName"),
        ("zone-name", "ZoneName"),
        ("zone-id", "ZoneId"),
        ("zone-type", "ZoneType"),
        ("group-name", "GroupName"),
        ("opt-in-status", "OptInStatus"),
        ("state", "State"),
    ];
    let wanted = [("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")];
    let rows = chosen(rows, input, ("DescribeAvailabilityZones", filters), &wanted)?;
    Ok(members(json!({"AvailabilityZones": rows})))
}

fn regions(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let all = input.flag("AllRegions");
    let (partition, switched_on) = (cx.place.partition, cx.regions);
    let here = PLACES.iter().filter(|place| place.partition == partition);
    let here = here.filter(|place| all || switched_on.contains(&place.name));
    let rows = here.map(|Place { name, partition, opt_in, zones: _ }| {
        let status = match (opt_in, switched_on.contains(name)) {
            (false, _) => "opt-in-not-required",
            (true, true) => "opted-in",
            (true, false) => "not-opted-in",
        };
        let endpoint = format!("ec2.{name}.{}", partition.domain());
        members(json!({"RegionName": name, "Endpoint": endpoint, "OptInStatus": status}))
    });
    let filters: &[(&str, &str)] =
        &[("region-name", "RegionName"), ("endpoint", "Endpoint"), ("opt-in-status", "OptInStatus")];
    let rows = chosen(rows, input, ("DescribeRegions", filters), &[("RegionNames", "RegionName")])?;
    Ok(members(json!({"Regions": rows})))
}

#[expect(clippy::unnecessary_wraps, reason = "all calls have this signature")]
fn attributes(_: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let names = input.texts("AttributeNames");
    let rows = [("supported-platforms", "VPC"), ("default-vpc", "none")];
    let rows = rows.iter().filter(|(name, _)| names.is_empty() || names.contains(name));
    let rows = rows
        .map(|(name, value)| json!({"AttributeName": name, "AttributeValues": [{"AttributeValue": value}]}));
    Ok(members(json!({"AccountAttributes": rows.collect::<Vec<Value>>()})))
}
