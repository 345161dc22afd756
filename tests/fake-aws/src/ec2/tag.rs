//! The calls that change and list tags of any thing.

use serde_json::{Value, json};

use super::{
    describe::page,
    filter,
    input::Input,
    kind::{Call, Cx, members},
    tag_list::{Tags, lay, within_limit},
};
use crate::{
    refusal::{Refusal, refused},
    state::{id::Id, thing::Members},
};

pub(crate) const CALLS: &[Call] = &[
    Call { name: "CreateTags", reads: &["Resources", "Tags"], act: create },
    Call { name: "DeleteTags", reads: &["Resources", "Tags"], act: delete },
    Call { name: "DescribeTags", reads: &["Filters", "MaxResults", "NextToken"], act: describe },
];

/// Returns the things that a call names, of any kind.
fn resources(cx: &Cx<'_>, input: Input<'_>) -> Result<Vec<Id>, Refusal> {
    let named = input.texts("Resources").into_iter().map(|text| {
        let kind = cx.kinds.iter().find(|kind| text.starts_with(kind.prefix));
        let kind = kind.ok_or_else(|| refused("InvalidID", format!("The ID '{text}' is not valid")))?;
        cx.known_id(kind.name, text)
    });
    named.collect()
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let ids = resources(cx, input)?;
    let changed: Result<Vec<(Id, Tags)>, Refusal> = ids
        .into_iter()
        .map(|id| {
            let mut tags = cx.change(&id).tags.clone();
            lay(&mut tags, input)?;
            within_limit(&tags)?;
            Ok((id, tags))
        })
        .collect();
    // Either all of them get the tags, or none.
    for (id, tags) in changed? {
        cx.change(&id).tags = tags;
    }
    Ok(Members::new())
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    for id in resources(cx, input)? {
        let tags = &mut cx.change(&id).tags;
        if !input.has("Tags") {
            tags.clear();
        }
        for tag in input.structures("Tags") {
            let key = tag.need("Key")?;
            // A value that is given has to be the one of the tag.
            if tag.text("Value").is_none_or(|value| tags.get(key).is_some_and(|there| there == value)) {
                tags.remove(key);
            }
        }
    }
    Ok(Members::new())
}

fn describe(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let known = &[
        ("key", "Key"),
        ("resource-id", "ResourceId"),
        ("resource-type", "ResourceType"),
        ("value", "Value"),
    ];
    let filters = filter::read(input, "DescribeTags", known)?;
    let mut all: Vec<(String, Members)> = Vec::new();
    for thing in cx.region.every().filter(|thing| !thing.lagging.for_reads(cx.now)) {
        for (key, value) in &thing.tags {
            let row = json!({"Key": key, "Value": value, "ResourceId": thing.id, "ResourceType": thing.kind});
            // `tag:KEY` compares one tag as it does with a thing.
            let mut with_tag = members(row.clone());
            with_tag.insert("Tags".to_owned(), json!([{"Key": key, "Value": value}]));
            if filters.iter().all(|filter| filter.matches(&with_tag)) {
                all.push((format!("{}/{key}", thing.id), members(row)));
            }
        }
    }
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (page, next) = page(all.iter().map(|(id, row)| (id.as_str(), row.clone())).collect(), input)?;
    let mut answer = members(json!({"Tags": page}));
    answer.extend(next.map(|next| ("NextToken".to_owned(), Value::String(next))));
    Ok(answer)
}
