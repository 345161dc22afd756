//! User certificates of an authority in the profile. All invalid certificates get the same answer.

use anyhow::Result;

use super::works;

pub(crate) fn only_valid_certificates_of_the_profiles_authority_are_accepted() -> Result<()> {
    works(
        r#"
        mkdir -p signed; cd signed
        HOST=$(sed -n 's/^ *HostName //p' "$CONFIG"); PORT=$(sed -n 's/^ *Port //p' "$CONFIG")
        for name in ca other eve; do ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$name"; done
        trap 'devplat up --profile kind --yes >/dev/null 2>&1; cleanup' EXIT
        devplat up --profile kind --yes --set "bastion.userAuthorities=[\"$(cat ca.pub)\"]" \
            --set 'bastion.userRevocations=["serial: 7"]' >/dev/null
        since=$(date -u +%FT%TZ)
        # Logs in with a certificate for eve's key. Prints the output, or ssh's exit status if that is not 0.
        as() { # AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
            local status=0
            ssh-keygen -q -s "$1" -I laptop "${@:2}" eve.pub
            ssh -F /dev/null -p "$PORT" -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile="$KNOWN" -i eve \
                -o CertificateFile=eve-cert.pub "demo+box@$HOST" 'echo in' 2>answer || status=$?
            [[ $status == 0 ]] || echo "status $status"
        }
        # The client prints the same for every invalid certificate, in words that differ between versions of OpenSSH.
        # The reason is in the bastion's audit log.
        rejected=0
        rejects() { # WORDS-OF-THE-REASON AUTHORITY ARGUMENT-OF-SSH-KEYGEN...
            is "$(as "${@:2}")" "status 255"
            [[ -e first ]] || cp answer first
            cmp -s first answer || fail "$*: $(cat answer)"
            rejected=$((rejected + 1))
            for _ in $(seq 50); do
                rejections "$since" > reasons || true
                (($(wc -l < reasons) < rejected)) || break
                sleep 0.2
            done
            is "$(wc -l < reasons)" "$rejected"
            local words word
            IFS='|' read -ra words <<<"$1"
            for word in "${words[@]}"; do [[ $(tail -n 1 reasons) != "demo: "*"$word"* ]] || return 0; done
            fail "$*: $(tail -n 1 reasons)"
        }
        is "$(as ca -n demo)" in
        is "$(as ca -n someone,demo -V -1m:+5m -z 8)" in
        # Another principal, none, expired, not valid yet, revoked, another authority, a critical option.
        rejects bob ca -n bob
        rejects demo ca
        # Some clients do not offer a certificate outside of its dates, only its key.
        rejects 'expired|not a key of the user' ca -n demo -V -2d:-1d
        rejects 'not valid yet|not a key of the user' ca -n demo -V +1d:+2d
        rejects revoked ca -n demo -z 7
        rejects "$(ssh-keygen -lf other.pub | cut -d' ' -f2)" other -n demo
        rejects force-command ca -n demo -O force-command=id
        # Registered keys are accepted beside them.
        is "$(box echo still)" still
        "#,
    )
}
