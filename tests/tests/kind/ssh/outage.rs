//! Parts that go away in the middle of sessions.

use anyhow::Result;

use super::works;

pub(crate) fn open_relays_outlive_the_api_server_and_other_replicas() -> Result<()> {
    works(
        r#"
        node="$NAME-control-plane"
        "${ssh[@]}" "demo+box@$NAME" 'for i in $(seq 1500); do echo $i; sleep 0.2; done' > ticks & session=$!; started+=($session)
        sleep 1
        # The API server is away.
        docker exec "$node" sh -c 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /kind/'
        trap 'docker exec "$node" sh -c "test ! -e /kind/kube-apiserver.yaml || mv /kind/kube-apiserver.yaml /etc/kubernetes/manifests/"; cleanup' EXIT
        for _ in $(seq 60); do kubectl get --raw /livez >/dev/null 2>&1 || break; sleep 0.5; done
        kubectl get --raw /livez >/dev/null 2>&1 && fail "the API server answers still" || true
        before=$(wc -l < ticks); sleep 2; after=$(wc -l < ticks)
        ((after > before)) || fail "the open session stands still"
        is "$(box echo in)" in
        me devctl list 2>said && fail "devctl works without an API server" || true
        [[ -s said ]] || fail "devctl said nothing"
        docker exec "$node" sh -c 'mv /kind/kube-apiserver.yaml /etc/kubernetes/manifests/'
        for _ in $(seq 120); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.5; done
        kubectl get --raw /readyz >/dev/null
        for _ in $(seq 60); do me devctl list >/dev/null 2>&1 && break; sleep 0.5; done
        me devctl list >/dev/null
        kill -0 "$session" || fail "the open session ended"
        "#,
    )
}

pub(crate) fn a_replica_killed_or_drained_leaves_the_way_in_open() -> Result<()> {
    works(
        r#"
        # One replica is told to go: its sessions go on until the grace period ends, new ones come in by the other.
        "${ssh[@]}" "demo+box@$NAME" 'for i in $(seq 40); do echo $i; sleep 0.2; done' > drained & session=$!; started+=($session)
        for _ in $(seq 50); do [[ -s drained ]] && break; sleep 0.1; done
        kubectl -n devserver-bastion delete pods -l app.kubernetes.io/name=bastion --wait=false >/dev/null
        for n in $(seq 60); do said=$(box echo in 2>/dev/null) && break; sleep 0.5; done
        is "$said" in
        wait "$session" || fail "the open session was cut off"
        is "$(tail -n 1 drained)" 40
        kubectl -n devserver-bastion rollout status deployment/bastion --timeout=120s >/dev/null
        # One is killed outright.
        kubectl -n devserver-bastion delete "$(kubectl -n devserver-bastion get pods -l app.kubernetes.io/name=bastion -o name | head -n 1)" --force --grace-period=0 >/dev/null 2>&1
        for n in $(seq 60); do said=$(box echo in 2>/dev/null) && break; sleep 0.5; done
        is "$said" in
        kubectl -n devserver-bastion rollout status deployment/bastion --timeout=120s >/dev/null
        "#,
    )
}

pub(crate) fn a_pod_deleted_under_a_session_ends_it_and_comes_back() -> Result<()> {
    works(
        r#"
        box 'echo kept > over'
        "${ssh[@]}" "demo+box@$NAME" 'sleep 300' & session=$!; started+=($session)
        sleep 1
        kubectl -n dev-demo delete pods -l devserver=box --wait=false >/dev/null
        for _ in $(seq 450); do kill -0 "$session" 2>/dev/null || break; sleep 0.1; done
        kill -0 "$session" 2>/dev/null && fail "the session hangs" || true
        for _ in $(seq 120); do said=$(box cat over 2>/dev/null) && break; sleep 0.5; done
        is "$said" kept
        "#,
    )
}
