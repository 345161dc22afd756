//! Ids, filters and pages, which all Describe calls of a kind have in common.

use serde_json::{Value, json};

use super::{
    filter,
    input::Input,
    kind::{Cx, Kind, members},
};
use crate::{
    refusal::{Refusal, refused},
    state::{id::Id, thing::Members},
};

/// The beginning of a page's token. The rest is the last id of the page before.
const TOKEN: &str = "after/";

/// Lists the things of a kind: those with ids in `ids`, or all that the filters let through. The answer has them
/// as `list`.
pub(crate) fn describe(
    cx: &mut Cx<'_>,
    input: Input<'_>,
    kind: &'static Kind,
    call: &str,
    [ids_member, list]: [&str; 2],
) -> Result<Members, Refusal> {
    let filters = filter::read(input, call, kind.filters)?;
    let ids: Result<Vec<Id>, Refusal> =
        input.texts(ids_member).into_iter().map(|text| kind.read_id(text)).collect();
    let ids = ids?;
    if !ids.is_empty() && input.has("MaxResults") {
        let message = format!("The parameter {ids_member} cannot be used with the parameter maxResults");
        return Err(refused("InvalidParameterCombination", message));
    }
    let seen = cx.region.read(kind.name, cx.now);
    for id in &ids {
        if !seen.iter().any(|thing| thing.id == *id) {
            let (code, message) = kind.not_found;
            return Err(refused(code, message.replace("{}", id.as_str())));
        }
    }
    let view = cx.view();
    let shown = seen.iter().filter(|thing| ids.is_empty() || ids.contains(&thing.id));
    let shown = shown.map(|thing| (thing.id.as_str(), kind.show(thing, &view)));
    let shown: Vec<(&str, Members)> =
        shown.filter(|(_, shown)| filters.iter().all(|filter| filter.matches(shown))).collect();
    let (page, next) = page(shown, input)?;
    let mut answer = members(json!({list: page}));
    answer.extend(next.map(|next| ("NextToken".to_owned(), Value::String(next))));
    Ok(answer)
}

/// Returns the page that a call asks for, and the token of the next one. `all` is sorted by the texts.
pub(crate) fn page(
    all: Vec<(&str, Members)>,
    input: Input<'_>,
) -> Result<(Vec<Members>, Option<String>), Refusal> {
    let wrong = || refused("InvalidNextToken", "The specified NextToken is not valid");
    let after = match input.text("NextToken") {
        None => "",
        Some(token) => token.strip_prefix(TOKEN).filter(|after| !after.is_empty()).ok_or_else(wrong)?,
    };
    let size = input.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let mut rest = all.into_iter().filter(|(id, _)| *id > after);
    let mut last = "";
    let page = rest.by_ref().take(size.unwrap_or(usize::MAX)).map(|(id, shown)| {
        last = id;
        shown
    });
    let page: Vec<Members> = page.collect();
    let next = rest.next().is_some().then(|| format!("{TOKEN}{last}"));
    Ok((page, next))
}
