//! Connections to and from a dev server's pod, on a cluster that enforces the `NetworkPolicies` of users.

use anyhow::Result;

use super::works;

pub(crate) fn other_pods_cannot_reach_a_servers_ports() -> Result<()> {
    works(
        r#"
        # A server of somebody else's, another one of the same user's, and a port that anybody may open in `box`.
        ssh-keygen -q -t ed25519 -N '' -f bob.key
        devplat users add bob --key bob.key.pub
        kubectl wait --for=condition=Ready --timeout=60s devuser/bob >/dev/null
        bob() { ssh -F "$CONFIG" -o BatchMode=yes -o IdentitiesOnly=yes -i bob.key "$@"; }
        for _ in $(seq 50); do bob "bob@$NAME" list >/dev/null 2>&1 && break; sleep 0.2; done
        me devctl create desk --wait >/dev/null & made=$!
        bob "bob@$NAME" create theirs --wait >/dev/null
        wait "$made"
        # Somebody else's server, which is there, is the same as none: over SSH, by devctl, and behind a jump.
        is "$(bob "bob+theirs@$NAME" 'echo $DEVSERVER_NAME')" theirs
        told() { local status=0; { "${ssh[@]}" "$@" </dev/null 2>&1 && fail "let in: $*"; } || status=$?; echo "status $status"; }
        same() { # WHAT-IS-SAID ABOUT-THEIRS ABOUT-NOSUCH
            is "${2//theirs/X}" "${3//nosuch/X}"
            [[ $3 == *"$1"* ]] || fail "$3"
        }
        same 'no dev server "nosuch" of yours' "$(told "demo+theirs@$NAME" true)" "$(told "demo+nosuch@$NAME" true)"
        same 'no dev server nosuch' "$(told "demo@$NAME" describe theirs)" "$(told "demo@$NAME" describe nosuch)"
        same 'no dev server' "$(told "demo@$NAME" ssh theirs)" "$(told "demo@$NAME" ssh nosuch)"
        same 'open failed' "$(told -W theirs:22 "demo@$NAME")" "$(told -W nosuch:22 "demo@$NAME")"
        box '(setsid python3 -m http.server 8200 >/dev/null 2>&1 </dev/null & echo $! > open.pid)'
        for _ in $(seq 50); do box 'curl -s -o /dev/null http://127.0.0.1:8200/' && break; sleep 0.1; done
        pod=$(kubectl -n dev-demo get pods -l devserver=box -o 'jsonpath={.items[0].status.podIP}')
        # What a policy keeps away gets no answer at all, so a port that nobody listens on does not pass for one.
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
        # In the network of a pod of the platform's, by programs of the node's: its image has none to ask with.
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
        is "$(cat from.bob)" "2222 silent,2223 silent,8200 silent"
        is "$(cat from.desk)" "2222 silent,2223 silent,8200 open"
        is "$(cat from.bastion)" "2222 open,2223 silent,8200 silent"
        is "$(cat from.operator)" "2222 silent,2223 open,8200 silent"
        box 'kill $(cat open.pid)'
        me devctl delete desk --force --delete-home >/dev/null & gone=$!
        kubectl --namespace dev-bob patch devserver theirs --type merge --patch '{"spec":{"homeRetention":"Delete"}}'
        wait "$gone"
        # As it promises: with what the user still has.
        devplat users remove bob --yes
        is "$(kubectl --namespace dev-bob get devservers,persistentvolumeclaims --output name 2>/dev/null)" ""
        "#,
    )
}

pub(crate) fn pod_reaches_the_api_server_and_the_metadata_address() -> Result<()> {
    works(
        r#"
        # The node has that address itself here, so that nobody asks for the metadata of the machine below.
        node="$NAME-control-plane"
        docker exec "$node" ip address add 169.254.169.254/32 dev lo
        trap 'docker exec "$node" sh -c "kill \$(cat /run/metadata.pid); ip address delete 169.254.169.254/32 dev lo"; cleanup' EXIT
        # In a language that every Debian has: kind's own node image has no socat.
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
