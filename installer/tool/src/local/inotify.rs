//! The limits of inotify with their use. An ordinary account cannot see the files of root's processes. Through the engine
//! it sees those in nodes, which hold most of them.

use std::{error::Error, io, time::Duration};

use super::Maker;
use crate::{
    docker::{Engine, EngineError, Stdin},
    limits::{self, Inotify},
};

/// How long the counts in all nodes may take together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Prints how many inotify instances, and how many watches, root's processes in a container have.
const COUNT: &str = r#"files= about=
for process in /proc/[0-9]*; do
  [ -O "$process" ] || continue
  files="$files $process/fd" about="$about $process/fdinfo/*"
done
ls -l $files 2>/dev/null | grep -c anon_inode:inotify
cat $about 2>/dev/null | grep -c '^inotify '
"#;

/// Reads the limits of this machine and root's use of them: for root the whole use, and for other accounts at least the
/// use in the running nodes of the engine.
pub async fn read(engine: Option<&Engine>) -> io::Result<Inotify> {
    let found = limits::inotify_of_root()?;
    match engine {
        Some(engine) if !found.complete => Ok(with_nodes(found, engine).await),
        Some(_) | None => Ok(found),
    }
}

async fn with_nodes(found: Inotify, engine: &Engine) -> Inotify {
    match tokio::time::timeout(PATIENCE, in_nodes(engine)).await {
        Ok(Ok((instances, watches))) => found.at_least(instances, watches),
        Ok(Err(error)) => {
            tracing::debug!(error = &error as &dyn Error, "cannot count inotify instances in nodes");
            found
        }
        Err(_) => {
            tracing::debug!("counting inotify instances in nodes timed out");
            found
        }
    }
}

/// Counts the instances and watches in the running nodes of all clusters.
async fn in_nodes(engine: &Engine) -> Result<(u64, u64), EngineError> {
    let (mut instances, mut watches) = (0, 0);
    for maker in Maker::ALL {
        for node in maker.all_nodes(engine).await?.iter().filter(|node| node.running) {
            let ran = engine.exec_any(&node.name, &["sh", "-c", COUNT], Stdin::Nothing).await?;
            let mut numbers = ran.stdout.lines().map(|line| line.trim().parse::<u64>().unwrap_or_default());
            instances += numbers.next().unwrap_or_default();
            watches += numbers.next().unwrap_or_default();
        }
    }
    Ok((instances, watches))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Command, Surroundings,
        docker::recorded::{Recorded, frame},
    };

    const HIDDEN: Inotify =
        Inotify { instances: 0, max_instances: 128, watches: 0, max_watches: 8192, complete: false };

    #[tokio::test]
    async fn use_in_running_nodes_is_a_part_of_the_use() {
        let of_kind =
            "GET /containers/json?all=true&size=false&filters=%7B%22label%22%3A%5B%22io.x-k8s.kind.cluster";
        let labels = r#"{"io.x-k8s.kind.cluster":"lab","io.x-k8s.kind.role":"control-plane"}"#;
        let node = |name: &str, running: bool| {
            format!(
                r#"{{"Id":"{name}","Name":"/{name}","State":{{"Running":{running}}},"Config":{{"Labels":{labels}}}}}"#
            )
        };
        let recorded = Recorded::new()
            .answer(of_kind, 200, r#"[{"Id":"n1"},{"Id":"n2"}]"#)
            .answer("GET /containers/json", 200, "[]")
            .answer("GET /containers/n1/json", 200, node("n1", true))
            .answer("GET /containers/n2/json", 200, node("n2", false))
            .answer("POST /containers/n1/exec", 201, r#"{"Id":"e1"}"#)
            .answer("POST /exec/e1/start", 101, frame(1, "27\n339\n"))
            .answer("GET /exec/e1/json", 200, r#"{"Running":false,"ExitCode":0}"#)
            .serve()
            .await;
        assert_eq!(with_nodes(HIDDEN, recorded.engine()).await, HIDDEN.at_least(27, 339));
    }

    #[tokio::test]
    async fn engine_that_fails_leaves_the_use_unknown() {
        let recorded = Recorded::new().serve().await;
        assert_eq!(with_nodes(HIDDEN, recorded.engine()).await, HIDDEN);
    }

    #[tokio::test]
    async fn script_counts_the_instances_of_its_own_account() {
        let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
        // `tail -f` has an instance with a watch.
        let script = format!(
            "tail -f /etc/passwd >/dev/null & tail=$!\n\
             until ls -l /proc/$tail/fd | grep -q anon_inode:inotify; do sleep 0.02; done\n\
             {COUNT}kill $tail\n"
        );
        let limit = Duration::from_secs(30);
        let ran = Command::new("sh", &shell).args(["-c", &script]).deadline(limit).run().await.unwrap();
        let numbers: Vec<u64> = ran.stdout.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.len() == 2 && numbers.iter().all(|number| *number > 0), "{}", ran.stdout);
    }
}
