//! Connections to and from a dev server's pod, on a cluster that enforces the `NetworkPolicies` of users.

use anyhow::Result;

use super::works;

pub(crate) fn other_pods_cannot_reach_a_servers_ports() -> Result<()> {
    works(
        r#"
        # A dev server of another user, a second one of the same user, and a port that `box` opens.
        ssh-keygen -q -t ed25519 -N '' -f bob.key
        devplat users add bob --key bob.key.pub
        kubectl wait --for=condition=Ready --timeout=60s devuser/bob >/dev/null
        bob() { ssh -F "$CONFIG" -o BatchMode=yes -o IdentitiesOnly=yes -i bob.key "$@"; }
        for _ in $(seq 50); do bob "bob@$NAME" list >/dev/null 2>&1 && break; sleep 0.2; done
        me devctl create desk --wait >/dev/null & made=$!
        bob "bob@$NAME" create theirs --wait >/dev/null
        wait "$made"
        # The dev server of another user gets the same answer as one that does not exist: over SSH, from devctl, and
        # behind a jump.
        is "$(bob "bob+theirs@$NAME" 'echo $DEVSERVER_NAME')" theirs
        told() { local status=0; { "${ssh[@]}" "$@" </dev/null 2>&1 && fail "accepted: $*"; } || status=$?; echo "status $status"; }
        same() { # WORDS ANSWER-FOR-THEIRS ANSWER-FOR-NOSUCH
            is "${2//theirs/X}" "${3//nosuch/X}"
            [[ $3 == *"$1"* ]] || fail "$3"
        }
        same 'no dev server "nosuch" of yours' "$(told "demo+theirs@$NAME" true)" "$(told "demo+nosuch@$NAME" true)"
        same 'no dev server nosuch' "$(told "demo@$NAME" describe theirs)" "$(told "demo@$NAME" describe nosuch)"
        same 'no dev server' "$(told "demo@$NAME" ssh theirs)" "$(told "demo@$NAME" ssh nosuch)"
        same '2 devplat: no dev server "nosuch" of yours' "$(refusal theirs 22)" "$(refusal nosuch 22)"
        box '(setsid python3 -m http.server 8200 >/dev/null 2>&1 </dev/null & echo $! > open.pid)'
        for _ in $(seq 50); do box 'curl -s -o /dev/null http://127.0.0.1:8200/' && break; sleep 0.1; done
        pod=$(kubectl -n dev-demo get pods -l devserver=box -o 'jsonpath={.items[0].status.podIP}')
        # A policy drops packets without an answer, so a closed port, which refuses, does not pass for a protected one.
        reach() {
            for port in 2222 2223 8200; do
                (
                    status=0
                    timeout 2 bash -c "exec 3<>/dev/tcp/$1/$port" 2>/dev/null || status=$?
                    case $status in 0) echo "$port open" ;; 124) echo "$port silent" ;; *) echo "$port refused" ;; esac
                ) &
            done | sort | paste -sd ,
        }
        asked="$(declare -f reach); reach $pod"
        # The platform's images have no client, so use programs of the node in the network namespace of the pod.
        from() { # NAMESPACE NAME
            docker exec -i "$NAME-control-plane" bash -euc '
                pod=$(crictl pods --state ready --namespace "$0" --label "app.kubernetes.io/name=$1" --quiet | head -n 1)
                exec nsenter --net --target "$(crictl inspectp "$pod" | jq .info.pid)" bash' "$1" "$2"
        }
        bob "bob+theirs@$NAME" bash <<<"$asked" > from.bob & asking=($!)
        "${ssh[@]}" "demo+desk@$NAME" bash <<<"$asked" > from.desk & asking+=($!)
        from devserver-bastion bastion <<<"$asked" > from.bastion & asking+=($!)
        from devserver-operator-system devserver-operator <<<"$asked" > from.operator & asking+=($!)
        for one in "${asking[@]}"; do wait "$one"; done
        # The same by the commands that devplat's own proof uses.
        connects() { kubectl -n devserver-bastion exec deployment/bastion -c bastion -- /devplat-bastion try-connect "$pod" "$1"; }
        connects 2222
        tried=0; connects 2223 2>/dev/null || tried=$?
        is "$tried" 3
        devplat status --name "$NAME" --output json |
            jq -e '.cluster.facts[] | select(.name == "network policies") | .value == "enforced, tried by the last proof"' >/dev/null
        is "$(cat from.bob)" "2222 silent,2223 silent,8200 silent"
        is "$(cat from.desk)" "2222 silent,2223 silent,8200 open"
        is "$(cat from.bastion)" "2222 open,2223 silent,8200 silent"
        is "$(cat from.operator)" "2222 silent,2223 open,8200 silent"
        box 'kill $(cat open.pid)'
        me devctl delete desk --force --delete-home >/dev/null & gone=$!
        kubectl --namespace dev-bob patch devserver theirs --type merge --patch '{"spec":{"homeRetention":"Delete"}}'
        wait "$gone"
        # Removing a user deletes the dev servers and homes that the user still has.
        devplat users remove bob --yes
        is "$(kubectl --namespace dev-bob get devservers,persistentvolumeclaims --output name 2>/dev/null)" ""
        "#,
    )
}

pub(crate) fn pod_reaches_the_api_server_and_the_metadata_address() -> Result<()> {
    works(
        r#"
        # The node gets that address itself, so that no request reaches the metadata service of the machine below.
        node="$NAME-control-plane"
        docker exec "$node" ip address add 169.254.169.254/32 dev lo
        trap 'docker exec "$node" sh -c "kill \$(cat /run/metadata.pid); ip address delete 169.254.169.254/32 dev lo"; cleanup' EXIT
        # In Perl, which every Debian has: kind's own node image has no socat.
        docker exec -d "$node" sh -c 'echo $$ > /run/metadata.pid; exec perl -MIO::Socket::INET -e "
            my \$door = IO::Socket::INET->new(LocalAddr => q(169.254.169.254), LocalPort => 80, Listen => 5, ReuseAddr => 1) or die;
            while (my \$one = \$door->accept) { print \$one qq(metadata\n); close \$one }"'
        for _ in $(seq 50); do docker exec "$node" sh -c 'ss -Hltn | grep -q 169.254.169.254:80' && break; sleep 0.1; done
        is "$("${ssh[@]}" -W 169.254.169.254:80 "demo+box@$NAME" </dev/null)" metadata
        port=$(free_port)
        "${ssh[@]}" -N -L "$port:kubernetes.default.svc:443" "demo+box@$NAME" & started+=($!)
        await_port "$port"
        curl -sk --max-time 10 "https://127.0.0.1:$port/version" | has gitVersion || fail "the API server does not answer"
        "#,
    )
}
