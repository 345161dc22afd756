//! User certificates of an authority in the profile. All invalid certificates get the same answer.

use anyhow::Result;

use super::works;

pub(crate) fn only_valid_certificates_of_the_profiles_authority_are_accepted() -> Result<()> {
    works(
        r#"
        mkdir -p signed; cd signed
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        for name in ca other eve; do ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$name"; done
        trap 'devplat up --yes --set bastion.userAuthorities=[] --set bastion.userRevocations=[] >/dev/null 2>&1; cleanup' EXIT
        devplat up --profile kind --yes --set "bastion.userAuthorities=[\"$(cat ca.pub)\"]" \
            --set 'bastion.userRevocations=["serial: 7"]' >/dev/null
        since=$(date -u +%FT%TZ)
        sign() { ssh-keygen -q -s "$1" -I laptop "${@:2}" eve.pub; } # AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
        # Logs in with a certificate for eve's key. Prints the output, or ssh's exit status if that is not 0.
        as() { # AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
            local status=0
            sign "$@"
            ssh -F /dev/null -p "$PORT" -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile="$KNOWN" -i eve \
                -o CertificateFile=eve-cert.pub "demo+box@$HOST" 'echo in' 2>/dev/null || status=$?
            [[ $status == 0 ]] || echo "status $status"
        }
        # The server's answer to a login with the certificate, read by paramiko: OpenSSH's client may leave out a certificate
        # that it finds invalid itself, and prints words that differ between its versions.
        cat > answer.py <<'P'
import paramiko, sys
key = paramiko.Ed25519Key(filename="eve"); key.load_certificate("eve-cert.pub")
t = paramiko.Transport((sys.argv[1], int(sys.argv[2]))); t.start_client(timeout=15)
try: t.auth_publickey("demo+box", key)
except (paramiko.SSHException, EOFError) as error: print(type(error).__name__, error)
else: print("accepted")
finally: t.close()
P
        answer() { sign "$@"; /usr/bin/python3 answer.py "$HOST" "$PORT"; } # AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
        # The answer is the same for every invalid certificate. The reason is in the bastion's audit log.
        rejected=0
        rejects() { # REASON AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
            local said; said=$(answer "${@:2}")
            [[ $said == AuthenticationException* ]] || fail "$*: $said"
            is "$said" "${first:=$said}"
            rejected=$((rejected + 1))
            for _ in $(seq 50); do
                rejections "$since" > reasons || true
                (($(wc -l < reasons) < rejected)) || break
                sleep 0.2
            done
            is "$(wc -l < reasons)" "$rejected"
            [[ $(tail -n 1 reasons) == "demo: "*"$1"* ]] || fail "$*: $(tail -n 1 reasons)"
        }
        is "$(answer ca -n demo)" accepted
        is "$(as ca -n demo)" in
        is "$(as ca -n someone,demo -V -1m:+5m -z 8)" in
        # Another principal, none, expired, not valid yet, revoked, another authority, a critical option.
        rejects bob ca -n bob
        rejects demo ca
        rejects 'has expired' ca -n demo -V -2d:-1d
        rejects 'not valid yet' ca -n demo -V +1d:+2d
        rejects revoked ca -n demo -z 7
        rejects "$(ssh-keygen -lf other.pub | cut -d' ' -f2)" other -n demo
        rejects force-command ca -n demo -O force-command=id
        is "$(as ca -n bob)" "status 255"
        # Registered keys are accepted beside them.
        is "$(box echo still)" still
        "#,
    )
}
