//! Components that end during sessions.

use anyhow::Result;

use super::works;

pub(crate) fn open_relays_outlive_the_api_server_and_other_replicas() -> Result<()> {
    works(
        r#"
        node="$NAME-control-plane"
        "${ssh[@]}" "demo+box@$NAME" 'for i in $(seq 1500); do echo $i; sleep 0.2; done' > ticks & session=$!; started+=($session)
        sleep 1
        # Stop the API server.
        docker exec "$node" sh -c 'mv /etc/kubernetes/manifests/kube-apiserver.yaml /kind/'
        trap 'docker exec "$node" sh -c "test ! -e /kind/kube-apiserver.yaml || mv /kind/kube-apiserver.yaml /etc/kubernetes/manifests/"; cleanup' EXIT
        for _ in $(seq 60); do kubectl get --raw /livez >/dev/null 2>&1 || break; sleep 0.5; done
        kubectl get --raw /livez >/dev/null 2>&1 && fail "the API server still answers" || true
        before=$(wc -l < ticks); sleep 2; after=$(wc -l < ticks)
        ((after > before)) || fail "the open session is stuck"
        is "$(box echo in)" in
        me devctl list 2>said && fail "devctl works without an API server" || true
        # The bastion reports it if it gets no token; devctl does if it still has one.
        grep -qE 'the API server( at https://[^ ]+)? (cannot be reached|does not answer|gave no answer within)' said || fail "$(cat said)"
        grep -qE 'open sessions go on|sessions with them go on' said || fail "the message does not mention open sessions: $(cat said)"
        docker exec "$node" sh -c 'mv /kind/kube-apiserver.yaml /etc/kubernetes/manifests/'
        for _ in $(seq 120); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.5; done
        kubectl get --raw /readyz >/dev/null
        for _ in $(seq 360); do me devctl list >/dev/null 2>&1 && break; sleep 0.5; done
        me devctl list >/dev/null
        kill -0 "$session" || fail "the open session ended"
        "#,
    )
}

pub(crate) fn sessions_outlive_a_drained_replica_but_not_a_killed_one() -> Result<()> {
    works(
        r#"
        bastions=(-n devserver-bastion -l app.kubernetes.io/name=bastion)
        replicas() { kubectl -n devserver-bastion scale deployment/bastion "--replicas=$1" >/dev/null; }
        trap 'replicas 1; cleanup' EXIT
        replicas 2
        # Opens sessions of TICKS ticks each until every replica has one. The first line of a session is the address
        # that it comes from. Sets `pid` and `file`, by the name of the replica.
        declare -A pid file
        spread() { # NAME TICKS
            local names address opened n replica
            kubectl -n devserver-bastion rollout status deployment/bastion --timeout=120s >/dev/null
            names=$(kubectl get pods "${bastions[@]}" -o json | jq -r '.items[] | select(.metadata.deletionTimestamp == null) | "\(.status.podIP) \(.metadata.name)"')
            is "$(wc -l <<<"$names")" 2
            pid=() file=()
            for n in $(seq 20); do
                "${ssh[@]}" "demo+box@$NAME" "echo \${SSH_CONNECTION%% *}; for i in \$(seq $2); do echo \$i; sleep 0.2; done" > "$1.$n" 2> "$1.$n.said" & opened=$!
                started+=("$opened")
                for _ in $(seq 100); do [[ -s $1.$n ]] && break; sleep 0.1; done
                address=$(head -n 1 "$1.$n")
                replica=$(awk -v address="$address" '$1 == address { print $2 }' <<<"$names")
                [[ -n $replica ]] || fail "a session from '$address', where no replica is: $names"
                pid[$replica]=$opened file[$replica]=$1.$n
                ((${#pid[@]} == 2)) && break
            done
            is "${#pid[@]}" 2
        }
        ticks_on() { local before; before=$(wc -l < "$1"); sleep 1; (($(wc -l < "$1") > before)) || fail "$1 is stuck: $(cat "$1.said")"; }

        # A deleted replica drains: its session goes on to its end, and new logins use the other replica.
        spread gentle 100
        read -r gone stays <<<"${!pid[*]}"
        kubectl -n devserver-bastion delete pod "$gone" --wait=false >/dev/null
        for n in 1 2 3 4 5; do is "$(box echo "in $n")" "in $n"; done
        [[ -n $(kubectl -n devserver-bastion get pod "$gone" -o 'jsonpath={.metadata.deletionTimestamp}') ]] || fail "$gone is not being deleted"
        ticks_on "${file[$gone]}"
        for replica in "$gone" "$stays"; do
            wait "${pid[$replica]}" || fail "the session by $replica was cut off: $(cat "${file[$replica]}.said")"
            is "$(tail -n 1 "${file[$replica]}")" 100
        done

        # A replica that SIGKILL ends loses its session, which ssh reports with status 255; the other's session goes on.
        spread killed 1000
        read -r gone stays <<<"${!pid[*]}"
        docker exec "$NAME-control-plane" bash -euc '
            pod=$(crictl pods --state ready --namespace devserver-bastion --name "^$0\$" --quiet)
            kill -9 "$(crictl inspect "$(crictl ps --quiet --pod "$pod" --name "^bastion\$")" | jq .info.pid)"' "$gone"
        for _ in $(seq 100); do kill -0 "${pid[$gone]}" 2>/dev/null || break; sleep 0.1; done
        kill -0 "${pid[$gone]}" 2>/dev/null && fail "the session by $gone hangs" || true
        ended=0; wait "${pid[$gone]}" || ended=$?
        is "$ended" 255
        (($(tail -n 1 "${file[$gone]}") < 1000)) || fail "it had ended before"
        ticks_on "${file[$stays]}"
        kill -0 "${pid[$stays]}" || fail "the session by $stays ended: $(cat "${file[$stays]}.said")"
        for n in $(seq 10); do said=$(box echo in 2>turned) && break; sleep 0.5; done
        is "$said" in || fail "$(cat turned)"
        kubectl -n devserver-bastion rollout status deployment/bastion --timeout=120s >/dev/null
        "#,
    )
}

pub(crate) fn deleted_pod_ends_its_session_and_comes_back() -> Result<()> {
    works(
        r#"
        box 'echo kept > over'
        "${ssh[@]}" "demo+box@$NAME" 'echo up; sleep 300' > sleeping 2> said & session=$!; started+=($session)
        for _ in $(seq 100); do [[ -s sleeping ]] && break; sleep 0.1; done
        [[ -s sleeping ]] || fail "no session: $(cat said)"
        kubectl -n dev-demo delete pods -l devserver=box --wait=false >/dev/null
        for _ in $(seq 450); do kill -0 "$session" 2>/dev/null || break; sleep 0.1; done
        kill -0 "$session" 2>/dev/null && fail "the session hangs" || true
        ended=0; wait "$session" || ended=$?
        is "$ended" 255
        grep -q 'connection to "box" lost: ' said || fail "$(cat said)"
        for _ in $(seq 120); do said=$(box cat over 2>/dev/null) && break; sleep 0.5; done
        is "$said" kept
        "#,
    )
}
