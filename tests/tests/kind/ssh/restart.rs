//! The agent ends during a session: the container starts again, and user and administrator get a report.

use anyhow::Result;

use super::works;

pub(crate) fn killed_agent_is_reported_and_comes_back() -> Result<()> {
    works(
        r#"
        mkdir -p killed-agent; cd killed-agent
        me devctl create frail --wait >/dev/null
        frail() { "${ssh[@]}" "demo+frail@$NAME" "$@"; }
        frail 'echo kept > kept; echo gone > /tmp/gone'
        frail 'echo up; sleep 300' > up 2> lost & session=$!; started+=($session)
        for _ in $(seq 100); do [[ -s up ]] && break; sleep 0.1; done
        # A process in the container cannot kill PID 1, so the node does.
        docker exec "$NAME-control-plane" bash -euc '
            pod=$(crictl pods --state ready --namespace dev-demo --label devserver=frail --quiet)
            kill -9 "$(crictl inspect "$(crictl ps --quiet --pod "$pod" --name devserver)" | jq .info.pid)"'
        ended=0; wait "$session" || ended=$?
        is "$ended" 255
        grep -q 'connection to "frail" lost: ' lost || fail "$(cat lost)"
        # The pod and the home are the same; the container is new.
        for _ in $(seq 100); do said=$(frail cat kept 2>/dev/null) && break; sleep 0.3; done
        is "$said" kept
        frail 'test ! -e /tmp/gone'
        for _ in $(seq 150); do me devctl describe frail > described; grep -q 'restarted once' described && break; sleep 0.4; done
        grep -q 'the container was restarted once; it last ended with exit status 137' described || fail "$(cat described)"
        me devctl delete frail --force --wait --delete-home >/dev/null
        "#,
    )
}
