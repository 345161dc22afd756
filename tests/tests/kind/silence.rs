//! Runs that have nothing to do write nothing: neither in the cluster nor on this machine.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, Result, bail, ensure};
use devplat_tests::platform::Platform;

use crate::{
    input::said,
    lane::docker_is_mine,
    shared::{READ_ONLY, at_rest, ready, up},
};

pub(crate) fn second_up_writes_nothing() -> Result<()> {
    let platform = ready()?;
    let _alone = docker_is_mine();
    let before = (at_rest(|| versions(platform))?, platform.traces()?);
    let files = || Ok::<_, anyhow::Error>([written(&platform.state())?, written(&platform.cache())?]);
    let own = files()?;
    let again = up(platform)?.expect(0)?;
    said(platform, "second up", &seconds_out(&again.stderr));
    ensure!(own == files()?, "among devplat's own files:\n{own:#?}\nafter:\n{:#?}", files()?);
    let after = (versions(platform)?, platform.traces()?);
    unchanged(&before.0, &after.0)?;
    ensure!(before.1 == after.1, "before:\n{}\nafter:\n{}", before.1, after.1);
    Ok(())
}

pub(crate) fn truncated_or_lost_journal_changes_nothing() -> Result<()> {
    let platform = ready()?;
    let journal = platform.state().join("journal.jsonl");
    let text = fs::read(&journal)?;
    let before = at_rest(|| versions(platform))?;
    // Cut in its last line, in its first line, and before it.
    for length in [text.len() - 10, 5, 0] {
        fs::write(&journal, &text[..length])?;
        up(platform)?.expect(0)?;
    }
    fs::remove_file(&journal)?;
    up(platform)?.expect(0)?;
    unchanged(&before, &versions(platform)?)
}

pub(crate) fn read_only_verbs_write_nothing_in_the_cluster() -> Result<()> {
    let platform = ready()?;
    let before = at_rest(|| versions(platform))?;
    for verb in READ_ONLY {
        platform.run(verb)?.expect(0)?;
        unchanged(&before, &versions(platform)?).with_context(|| format!("during {verb:?}"))?;
    }
    Ok(())
}

/// Returns each file below `folder`, with its size and the time of its last write.
fn written(folder: &Path) -> Result<BTreeMap<PathBuf, (u64, SystemTime)>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            all.append(&mut written(&entry.path())?);
        } else {
            all.insert(entry.path(), (about.len(), about.modified()?));
        }
    }
    Ok(all)
}

fn unchanged(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Result<()> {
    for (name, version) in after {
        ensure!(before.get(name) == Some(version), "{name} was written");
    }
    for name in before.keys() {
        ensure!(after.contains_key(name), "{name} was deleted");
    }
    Ok(())
}

/// Returns the version of every object in the cluster that devplat could have written, by name.
fn versions(platform: &Platform) -> Result<BTreeMap<String, String>> {
    let kinds = "namespaces,configmaps,secrets,serviceaccounts,services,persistentvolumeclaims,deployments,replicasets,\
                 roles,rolebindings,clusterroles,clusterrolebindings,poddisruptionbudgets,customresourcedefinitions,\
                 devservers,devserverflavors,devusers,pods,nodes";
    let columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name,V:.metadata.resourceVersion,G:.metadata.generation";
    let said = platform.kubectl(&["get", kinds, "--all-namespaces", "--no-headers", "-o", columns])?;
    let mut found = BTreeMap::new();
    for line in said.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, namespace, name, version, _] = words[..] else { bail!("cannot read {line:?}") };
        // The kubelet updates the status of its node all the time.
        if kind != "Node" {
            found.insert(format!("{kind} {namespace}/{name}"), version.to_owned());
        }
    }
    ensure!(found.len() > 20, "only {} objects", found.len());
    Ok(found)
}

fn seconds_out(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let number = word.trim_start_matches('(').trim_end();
        let seconds = !number.is_empty() && number.parse::<f64>().is_ok();
        out += &if seconds { word.replace(number, "N") } else { word.to_owned() };
    }
    out
}
