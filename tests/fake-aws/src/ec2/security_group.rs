//! Security groups. Their rules are things of their own, in [`super::rule`].

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, View, members},
    rule, traffic,
};
use crate::{
    refusal::{Refusal, dependency_violation, invalid_value, refused},
    state::{
        id::Id,
        life,
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "security-group";
/// The name that only the group of a new VPC has.
const DEFAULT: &str = "default";

pub(crate) const SECURITY_GROUP: Kind = Kind {
    name: NAME,
    id: "GroupId",
    prefix: "sg-",
    not_found: ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    malformed: "InvalidGroupId.Malformed",
    states: None,
    tags: "Tags",
    shown,
    filters: &[
        ("group-id", "GroupId"),
        ("group-name", "GroupName"),
        ("vpc-id", "VpcId"),
        ("description", "Description"),
        ("owner-id", "OwnerId"),
        ("ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"),
        ("egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"),
    ],
    calls: &[
        Call {
            name: "CreateSecurityGroup",
            reads: &["GroupName", "Description", "VpcId", "TagSpecifications"],
            act: create,
        },
        Call { name: "DeleteSecurityGroup", reads: &["GroupId"], act: delete },
        Call {
            name: "DescribeSecurityGroups",
            reads: &["GroupIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["GroupIds", "SecurityGroups"];
                describe(cx, input, &SECURITY_GROUP, "DescribeSecurityGroups", names)
            },
        },
    ],
};

fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let rules = |egress: bool| {
        let all = view.region.all("security-group-rule");
        let here =
            all.filter(|rule| rule.owner.as_ref() == Some(&thing.id) && rule.flag("IsEgress") == egress);
        traffic::permissions(here)
    };
    members(json!({"IpPermissions": rules(false), "IpPermissionsEgress": rules(true)}))
}

fn make(
    cx: &mut Cx<'_>,
    of: [&str; 2],
    vpc: &Id,
    owner: Option<Id>,
    input: Input<'_>,
) -> Result<Id, Refusal> {
    let [name, description] = of;
    let body = json!({"GroupName": name, "Description": description, "VpcId": vpc, "OwnerId": cx.account});
    let group = cx.make(NAME, New { members: body, life: &life::INSTANT, owner }, input)?;
    rule::make_default(cx, &group, true)?;
    Ok(group)
}

/// Makes the group that network interfaces without one get. It goes with its VPC.
pub(crate) fn make_default(cx: &mut Cx<'_>, vpc: &Id, input: Input<'_>) -> Result<Id, Refusal> {
    let group = make(cx, [DEFAULT, "default VPC security group"], vpc, Some(vpc.clone()), input)?;
    rule::make_default(cx, &group, false)?;
    Ok(group)
}

/// Returns whether a text has only the characters of names and descriptions of groups, and not more than 255.
fn is_text(text: &str) -> bool {
    let other = "._-:/()#,@[]+=&;{}!$* ";
    text.len() <= 255 && text.chars().all(|c| c.is_ascii_alphanumeric() || other.contains(c))
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let (name, description) = (input.need("GroupName")?, input.need("Description")?);
    if !is_text(name) || name.starts_with("sg-") {
        let why = "Character sets beyond ASCII are not supported, and a name does not start with sg-.";
        return Err(invalid_value(name, "GroupName", why));
    }
    if !is_text(description) {
        let why = "Character sets beyond ASCII are not supported.";
        return Err(invalid_value(description, "GroupDescription", why));
    }
    if name == DEFAULT {
        let message = "Cannot use reserved security group name: default";
        return Err(refused("InvalidParameterValue", message));
    }
    let Some(vpc) = input.text("VpcId") else {
        return Err(refused("VPCIdNotSpecified", "No default VPC for this user"));
    };
    let vpc = cx.known_id("vpc", vpc)?;
    let same = |one: &Thing| one.has("VpcId", vpc.as_str()) && one.has("GroupName", name);
    if cx.region.alive(NAME, cx.now).any(same) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(refused("InvalidGroup.Duplicate", message));
    }
    cx.one_more(Quota::SecurityGroups, NAME, |_| true)?;
    let group = make(cx, [name, description], &vpc, None, input)?;
    let tags = cx.change(&group).tag_list();
    Ok(members(json!({"GroupId": group, "Tags": tags})))
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let group = cx.known(NAME, input.need("GroupId")?)?;
    let id = group.id.clone();
    if group.has("GroupName", DEFAULT) {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(refused("CannotDelete", message));
    }
    let is_it = |value: &Value| value == id.as_str();
    let used = cx.region.every().filter(|thing| !thing.is_gone(cx.now)).any(|thing| {
        let by_rule = thing.kind == "security-group-rule"
            && thing.owner.as_ref() != Some(&id)
            && thing.members.get("ReferencedGroupInfo").is_some_and(|info| is_it(&info["GroupId"]));
        by_rule || thing.list("Groups").iter().any(|group| is_it(&group["GroupId"]))
    });
    if used {
        return Err(dependency_violation(format!("resource {id} has a dependent object")));
    }
    cx.delete(&id);
    Ok(members(json!({"Return": true, "GroupId": id})))
}
