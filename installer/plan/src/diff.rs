//! Compares wanted resources with found ones: the step that each resource gets, and the reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Action, Blocked, Change, Graph, How, Id, Outline, Owner, Plan, Planned, Sight, Sights, State, Step,
    StepId, Verdict,
    change::joined,
    deletion::{Deletion, When, merged},
    live,
};

/// The losses of data that the user has agreed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// None.
    Nothing,
    /// Those of the named resources.
    Of(BTreeSet<Id>),
    /// All.
    Everything,
}

impl Allowed {
    fn includes(&self, id: &Id) -> bool {
        match self {
            Self::Nothing => false,
            Self::Of(ids) => ids.contains(id),
            Self::Everything => true,
        }
    }
}

/// Returns the steps from the found resources to the wanted ones, or every reason against them.
///
/// Resources that are ours and no longer wanted are deleted, after all other steps. An empty graph deletes all of them.
pub fn diff<R: Planned>(wanted: &Graph<R>, seen: &Sights, allowed: &Allowed) -> Result<Plan, Vec<Blocked>> {
    outline(wanted, seen, allowed).whole()
}

/// Returns the steps that nothing stands against, with every reason against the others.
pub fn outline<R: Planned>(wanted: &Graph<R>, seen: &Sights, allowed: &Allowed) -> Outline {
    let mut planner = Planner::new(allowed, seen);
    for resource in wanted.iter() {
        planner.provide(resource);
    }
    planner.remove_surplus(|id| wanted.get(id).is_some());
    planner.finish()
}

struct Planner<'a> {
    allowed: &'a Allowed,
    seen: &'a Sights,
    /// The steps, without deletions.
    steps: Vec<Step>,
    deletions: Vec<Deletion<'a>>,
    blocked: Vec<Blocked>,
    /// The step after which a wanted resource exists.
    provided: BTreeMap<Id, StepId>,
    /// Resources that exist only after their step, with whether the step replaces an older resource.
    created: BTreeMap<Id, bool>,
    /// Deletions of doubles to which no resource refers.
    doubles: BTreeMap<Id, Vec<StepId>>,
}

impl<'a> Planner<'a> {
    fn new(allowed: &'a Allowed, seen: &'a Sights) -> Self {
        Self {
            allowed,
            seen,
            steps: Vec::new(),
            deletions: Vec::new(),
            blocked: Vec::new(),
            provided: BTreeMap::new(),
            created: BTreeMap::new(),
            doubles: BTreeMap::new(),
        }
    }

    fn provide<R: Planned>(&mut self, resource: &R) {
        let id = resource.id();
        let seen: &'a Sights = self.seen;
        let sights: &'a [Sight] = seen.get(&id).map_or(&[], Vec::as_slice);
        let holder = resource.edges().deleted_with;
        if let Some(replaced) = holder.as_ref().and_then(|holder| self.created.get(holder)) {
            let reason = match (replaced, holder) {
                (true, Some(holder)) => format!("{holder} is replaced"),
                (_, _) => "absent".to_owned(),
            };
            return self.create(resource, 0, reason, None);
        }
        let Some(kept) = live(sights) else {
            return match sights.last().map(|sight| &sight.owner) {
                Some(Owner::Foreign(who)) => self.blocked.push(Blocked::Foreign { id, who: who.clone() }),
                Some(Owner::Ours | Owner::Adopted | Owner::Caused { .. }) | None => {
                    self.create(resource, 0, "absent".to_owned(), None);
                }
            };
        };
        for (index, double) in sights.iter().enumerate() {
            // A foreign resource with the same name is not a double.
            if index != kept && double.owner == Owner::Ours {
                self.remove_double(&id, double, &sights[kept]);
            }
        }
        self.bring_to(resource, &sights[kept]);
    }

    fn remove_double(&mut self, id: &Id, double: &'a Sight, live: &Sight) {
        if let Some(loss) = &double.loses
            && !self.allowed.includes(id)
        {
            let why = format!("{} is a double of {}", double.physical, live.physical);
            return self.blocked.push(Blocked::LosesData { id: id.clone(), why, loss: loss.clone() });
        }
        let why = format!("{} replaces it", live.physical);
        if double.generation < live.generation {
            // Other resources may refer to it until their own steps.
            self.delete(id, double, why, When::Late);
        } else {
            // No resource refers to it, but its name may stand for both.
            let deletion = self.delete(id, double, why, When::Early);
            self.doubles.entry(id.clone()).or_default().extend(deletion);
        }
    }

    /// Plans the steps from `live` to the wanted resource.
    fn bring_to<R: Planned>(&mut self, resource: &R, live: &'a Sight) {
        let id = resource.id();
        let embeds = resource.edges().embeds;
        let replaced = embeds.into_iter().find(|embedded| self.created.get(embedded) == Some(&true));
        if let Some(replaced) = replaced
            && !matches!(live.state, State::Failed(_))
        {
            return self.replace_with(resource, live, &replaced);
        }
        match (&live.state, &live.verdict) {
            (State::Coming, _) => self.step(resource, live, Action::Check, "is being created".to_owned()),
            (State::Leaving, _) => {
                self.step(resource, live, Action::Check, "is being deleted; created after that".to_owned());
            }
            (State::Failed(why), _) if live.owner == Owner::Adopted => {
                self.blocked.push(Blocked::Unfit { id, why: vec![why.clone()] });
            }
            (State::Failed(why), _) => self.replace_old_first(resource, live, why.clone()),
            (State::Ready | State::Degraded(_), None) => {
                self.step(resource, live, Action::Check, "not compared".to_owned());
            }
            (State::Ready | State::Degraded(_), Some(Verdict::Unknown(why))) => {
                self.step(resource, live, Action::Check, why.clone());
            }
            (State::Ready | State::Degraded(_), Some(Verdict::Unfit(why))) => {
                self.blocked.push(Blocked::Unfit { id, why: why.clone() });
            }
            (State::Ready, Some(Verdict::Same)) => {
                self.step(resource, live, Action::Keep, "as wanted".to_owned());
            }
            (State::Degraded(faults), Some(Verdict::Same)) => {
                let reason = format!("as wanted, degraded: {}", faults.join("; "));
                self.step(resource, live, Action::Keep, reason);
            }
            (State::Ready | State::Degraded(_), Some(Verdict::Differs(changes))) => {
                self.change(resource, live, changes);
            }
        }
    }

    /// Replaces a resource that embeds a replaced one, even if it is as wanted otherwise.
    fn replace_with<R: Planned>(&mut self, resource: &R, live: &'a Sight, embedded: &Id) {
        let change = Change::old_first(format!("{embedded}, which it refers to, is replaced"));
        let mut changes = vec![Change { loses: live.loses.clone(), ..change }];
        if let Some(Verdict::Differs(own)) = &live.verdict {
            changes.extend(own.iter().cloned());
        }
        self.change(resource, live, &changes);
    }

    fn change<R: Planned>(&mut self, resource: &R, live: &'a Sight, changes: &[Change]) {
        let id = resource.id();
        let reason = joined(changes);
        if live.owner == Owner::Adopted {
            let why = changes.iter().map(ToString::to_string).collect();
            return self.blocked.push(Blocked::Unfit { id, why });
        }
        if !self.allowed.includes(&id)
            && let Some(loss) = changes.iter().find_map(|change| change.loses.clone())
        {
            return self.blocked.push(Blocked::LosesData { id, why: reason, loss });
        }
        match changes.iter().map(|change| change.how).max().unwrap_or(How::InPlace) {
            How::InPlace if resource.can().update => self.step(resource, live, Action::Update, reason),
            How::InPlace => {
                self.blocked.push(Blocked::Cannot { id, action: Action::Update, why: reason });
            }
            How::NewFirst => {
                self.create(resource, live.generation + 1, reason, None);
                self.delete(&id, live, "replaced".to_owned(), When::Late);
            }
            How::OldFirst => self.replace_old_first(resource, live, reason),
        }
    }

    fn replace_old_first<R: Planned>(&mut self, resource: &R, live: &'a Sight, reason: String) {
        let id = resource.id();
        let deletion = self.delete(&id, live, reason, When::Early);
        self.create(resource, live.generation + 1, "replaces the deleted one".to_owned(), deletion);
    }

    fn create<R: Planned>(
        &mut self,
        resource: &R,
        generation: u32,
        reason: String,
        deletion: Option<StepId>,
    ) {
        let id = resource.id();
        if !resource.can().create {
            return self.blocked.push(Blocked::Cannot { id, action: Action::Create, why: reason });
        }
        self.created.insert(id.clone(), generation > 0);
        let step = StepId { id, generation, deletes: None };
        self.push(resource, step, Action::Create, reason, deletion);
    }

    fn step<R: Planned>(&mut self, resource: &R, live: &Sight, action: Action, reason: String) {
        let step = StepId { id: resource.id(), generation: live.generation, deletes: None };
        self.push(resource, step, action, reason, None);
    }

    fn push<R: Planned>(
        &mut self,
        resource: &R,
        id: StepId,
        action: Action,
        reason: String,
        deletion: Option<StepId>,
    ) {
        let required = resource.edges().required();
        let provided = required.iter().filter_map(|id| self.provided.get(id));
        let usable = resource.edges().required_usable();
        let named = required.iter().chain(&usable).chain([&id.id]);
        let doubles = named.filter_map(|id| self.doubles.get(id)).flatten();
        let after = provided.chain(doubles).cloned().chain(deletion).collect();
        let after_usable = usable.iter().filter_map(|id| self.provided.get(id)).cloned().collect();
        let usual = match action {
            Action::Keep => std::time::Duration::ZERO,
            Action::Create | Action::Update | Action::Check | Action::Replace | Action::Delete => {
                resource.facts(action).usual
            }
        };
        self.provided.insert(id.id.clone(), id.clone());
        self.steps.push(Step { id, action, reason, after, after_usable, usual });
    }

    fn delete(&mut self, id: &Id, sight: &'a Sight, reason: String, when: When) -> Option<StepId> {
        if !sight.can.delete {
            let blocked = Blocked::Cannot { id: id.clone(), action: Action::Delete, why: reason };
            self.blocked.push(blocked);
            return None;
        }
        let deletes = Some(sight.physical.clone());
        let step_id = StepId { id: id.clone(), generation: sight.generation, deletes };
        let step = Step {
            id: step_id.clone(),
            action: Action::Delete,
            reason,
            after: Vec::new(),
            after_usable: Vec::new(),
            usual: sight.usual_deletion,
        };
        self.deletions.push(Deletion { step, sight, when });
        Some(step_id)
    }

    /// Plans the deletion of resources that are no longer wanted: ours, and those that a deleted resource caused.
    fn remove_surplus(&mut self, is_wanted: impl Fn(&Id) -> bool) {
        let seen: &'a Sights = self.seen;
        let surplus: Vec<(&Id, &Sight)> = seen
            .iter()
            .filter(|(id, _)| !is_wanted(id))
            .flat_map(|(id, sights)| sights.iter().map(move |sight| (id, sight)))
            .collect();
        let ours: BTreeSet<&Id> =
            surplus.iter().filter(|(_, sight)| sight.owner == Owner::Ours).map(|(id, _)| *id).collect();
        for (id, sight) in surplus {
            let going = match &sight.owner {
                Owner::Ours => true,
                Owner::Caused { by } => ours.contains(by),
                Owner::Adopted | Owner::Foreign(_) => false,
            };
            let along = sight
                .deleted_with
                .as_ref()
                .is_some_and(|holder| ours.contains(holder) || self.created.get(holder) == Some(&true));
            if !going || along {
                continue;
            }
            let reason = "no longer wanted".to_owned();
            match &sight.loses {
                Some(loss) if !self.allowed.includes(id) => {
                    let blocked = Blocked::LosesData { id: id.clone(), why: reason, loss: loss.clone() };
                    self.blocked.push(blocked);
                }
                Some(_) | None => drop(self.delete(id, sight, reason, When::Late)),
            }
        }
    }

    fn finish(self) -> Outline {
        let plan = Plan { steps: merged(self.steps, self.deletions) };
        Outline::new(plan, self.blocked)
    }
}
