//! Plans that something stands against: their other steps can still be shown.

use super::*;

fn unfit() -> Outline {
    let unfit = sight(Verdict::Unfit(vec!["another container has its name".to_owned()]));
    let seen = with(CLUSTER.single(), vec![unfit]);
    let seen = seen.into_iter().filter(|(id, _)| *id != BYTES.single()).collect();
    outline(&platform(), &seen, &Allowed::Nothing)
}

#[test]
fn blocked_resource_has_its_reason_in_place_of_a_step() {
    let outline = unfit();
    let of_cluster = |step: &&Step| step.id.id == CLUSTER.single();
    assert_eq!(outline.plan().steps.iter().find(of_cluster), None);
    assert!(lines(outline.plan()).contains(&"create bytes (absent)".to_owned()), "{outline:?}");
    assert_eq!(outline.whole().unwrap_err().len(), 1);
}

#[test]
fn later_reason_takes_the_step_out() {
    let mut outline = outline(&platform(), &Sights::new(), &Allowed::Nothing);
    assert!(outline.clone().whole().is_ok());
    let (what, holder) = ("node port 30022".to_owned(), "Service shop/web".to_owned());
    outline.block([Blocked::Taken { id: RELEASE.named("a"), what, holder, remedies: Vec::new() }]);
    assert_eq!(outline.plan().steps.len(), 4);
    let json = serde_json::to_value(&outline).unwrap();
    let why = "release a needs node port 30022, which Service shop/web has";
    assert_eq!(json["blocked"], serde_json::json!([{"id": "release a", "why": why}]));
    assert_eq!(json["steps"].as_array().unwrap().len(), 4);
}
