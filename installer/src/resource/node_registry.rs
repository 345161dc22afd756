//! The address of the local registry in the nodes of a kind cluster: a file that containerd reads at each pull, as kind
//! documents it. k3d configures its nodes when it creates them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use devplat_plan::{Action, Change, Edges, Facts, Id, KindName, Owner, Physical, Requirement, Verdict};
use devplat_tool::{
    docker::Engine,
    local::{Maker, Mark},
};

use super::{CLUSTER, Cx, ResourceKind, Seen, SeenThrough, Traits, Wanted, names::REGISTRY, ownership};
use crate::{
    failure::Failure,
    platform::{ChosenDelivery, PlatformInputs, local_registry_host},
    platform_context::PlatformContext,
};

/// The registry's address in the nodes of a kind cluster.
#[derive(Debug, Clone)]
pub(crate) struct NodeRegistry {
    host: String,
}

/// The content of the file by node; `None` if it is absent.
pub(crate) type Files = BTreeMap<String, Option<String>>;

/// Returns the id of this resource, if the profile wants it.
pub(super) fn wanted_id(inputs: &PlatformInputs) -> Option<Id> {
    wanted(inputs).map(|_| NodeRegistry::NAME.single())
}

fn wanted(inputs: &PlatformInputs) -> Option<NodeRegistry> {
    let ChosenDelivery::LocalRegistry(_) = inputs.delivery else { return None };
    inputs.maker().filter(|maker| maker.accepts_registries_later())?;
    Some(NodeRegistry { host: local_registry_host(&inputs.platform) })
}

impl ResourceKind for NodeRegistry {
    const NAME: super::KindWith<Self::Output> = super::KindWith::new("registry in the nodes");
    const GONE_FIRST: &'static [KindName] = &[];
    const SEEN: SeenThrough = SeenThrough::Cluster;
    const TRAITS: Traits = Traits { temporary: false, interruptible: true, listed: false };
    const CREATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.write(cx)));
    const UPDATE: Option<super::kind::Act<Self>> = Some(|registry, cx| Box::pin(registry.write(cx)));
    const DELETE: Option<super::kind::DeleteSeen<Self>> = Some(|_, cx| Box::pin(delete(cx)));
    type Fields = Files;
    type Output = ();

    fn wanted(inputs: &Arc<PlatformInputs>) -> Result<Vec<Self>, Failure> {
        Ok(wanted(inputs).into_iter().collect())
    }

    fn id(&self) -> Id {
        Self::NAME.single()
    }

    fn edges(&self) -> Edges {
        let cluster = CLUSTER.single();
        Edges {
            needs: vec![cluster.clone(), REGISTRY.single()],
            deleted_with: Some(cluster.clone()),
            seen_through: Some(cluster),
            ..Edges::default()
        }
    }

    fn facts(&self, _: Action) -> Facts {
        Facts::lasting(Duration::ZERO).requiring([Requirement::Engine])
    }

    async fn find(context: &PlatformContext, wanted: &Wanted<'_>) -> Result<Vec<Seen<Self>>, Failure> {
        // The nodes of an existing cluster are not devplat's.
        let (None, Some(engine)) = (&context.named, &context.engine) else { return Ok(Vec::new()) };
        let registry = Self { host: local_registry_host(&context.platform) };
        let files = registry.files(engine, context).await?;
        let is_wanted = !wanted.of::<Self>().is_empty();
        // If the profile wants none, a file with another content is not devplat's.
        let counts = |text: &String| is_wanted || *text == registry.text();
        if !files.values().flatten().any(counts) {
            return Ok(Vec::new());
        }
        let mut seen = Seen::<Self>::ours(Self::NAME.single(), registry.path(), files, Some(()));
        seen.deleted_with = Some(CLUSTER.single());
        seen.deletion = Facts::lasting(Duration::ZERO).requiring([Requirement::Engine]);
        Ok(vec![seen])
    }

    fn compare(&self, seen: &Seen<Self>) -> Verdict {
        let text = self.text();
        let lacking = seen.fields.iter().filter(|(_, found)| found.as_ref() != Some(&text));
        let lacking: Vec<&str> = lacking.map(|(node, _)| node.as_str()).collect();
        if lacking.is_empty() {
            return Verdict::Same;
        }
        let what = format!("{} cannot reach the local registry", lacking.join(", "));
        Verdict::Differs(vec![Change::in_place(what)])
    }

    async fn settle(&self, _: &Cx) -> Result<(), Failure> {
        Ok(())
    }
}

impl NodeRegistry {
    fn path(&self) -> String {
        format!("/etc/containerd/certs.d/{}/hosts.toml", self.host)
    }

    fn text(&self) -> String {
        format!("[host.\"http://{}\"]\n", self.host)
    }

    /// Reads the file in each node of the platform's cluster. A cluster of the same name may not be devplat's.
    async fn files(&self, engine: &Engine, context: &PlatformContext) -> Result<Files, Failure> {
        let mut files = Files::new();
        for maker in Maker::ALL.into_iter().filter(|maker| maker.accepts_registries_later()) {
            for node in maker.nodes(engine, context.platform.as_str()).await? {
                let mark = Mark::of_node(&node);
                if ownership::of_mark(&node.name, mark.as_ref(), context) != Owner::Ours {
                    continue;
                }
                let written = engine.read_file(&node.name, &self.path()).await?;
                files.insert(node.name, written.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        Ok(files)
    }

    async fn write(&self, cx: &Cx) -> Result<Physical, Failure> {
        let engine = cx.context.engine()?;
        let (path, text) = (self.path(), self.text());
        for (node, found) in self.files(engine, &cx.context).await? {
            if found.as_ref() == Some(&text) {
                continue;
            }
            let physical = Physical(format!("{node}:{path}"));
            let work = engine.write_file(&node, &path, text.as_bytes());
            cx.call(format!("write {path} in {node}"), |()| Some(physical), work).await?;
        }
        Ok(Physical(path))
    }
}

/// Deletes the file in each node where it still has devplat's content.
async fn delete(cx: &Cx) -> Result<(), Failure> {
    let engine = cx.context.engine()?;
    let registry = NodeRegistry { host: local_registry_host(&cx.context.platform) };
    let (path, text) = (registry.path(), registry.text());
    for (node, found) in registry.files(engine, &cx.context).await? {
        if found.as_ref() != Some(&text) {
            continue;
        }
        let physical = Physical(format!("{node}:{path}"));
        let work = engine.remove_file(&node, &path);
        cx.call(format!("delete {path} in {node}"), |()| Some(physical), work).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_without_the_current_file_are_named() {
        let registry = NodeRegistry { host: "devplat-a-registry:5000".to_owned() };
        let compared = |files: &[(&str, Option<&str>)]| {
            let file = |(node, text): &(&str, Option<&str>)| ((*node).to_owned(), text.map(str::to_owned));
            let files = files.iter().map(file).collect();
            registry.compare(&Seen::ours(registry.id(), registry.path(), files, Some(())))
        };
        let current = Some("[host.\"http://devplat-a-registry:5000\"]\n");
        assert_eq!(compared(&[("a-control-plane", current), ("a-worker", current)]), Verdict::Same);
        let others =
            compared(&[("a-control-plane", current), ("a-worker", None), ("a-worker2", Some("other"))]);
        let what = "a-worker, a-worker2 cannot reach the local registry";
        assert_eq!(others, Verdict::Differs(vec![Change::in_place(what)]));
    }
}
