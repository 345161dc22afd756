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
        # With a certificate of AUTHORITY, made as the rest says.
        as() { ssh-keygen -q -s "$1" -I laptop "${@:2}" eve.pub
            ssh -F /dev/null -p "$PORT" -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile="$KNOWN" -i eve \
                -o CertificateFile=eve-cert.pub "demo+box@$HOST" 'echo in' 2>&1 | tr -d '\r' || true; }
        is "$(as ca -n demo)" in
        is "$(as ca -n someone,demo -V -1m:+5m -z 8)" in
        denied="demo+box@$HOST: Permission denied (publickey)."
        # Another's principal, none, yesterday's, tomorrow's, one that was revoked, one for hosts, another authority's.
        is "$(as ca -n bob)" "$denied"
        is "$(as ca)" "$denied"
        is "$(as ca -n demo -V -2d:-1d)" "$denied"
        is "$(as ca -n demo -V +1d:+2d)" "$denied"
        is "$(as ca -n demo -z 7)" "$denied"
        is "$(as other -n demo)" "$denied"
        is "$(as ca -n demo -O force-command=id)" "$denied"
        # Registered keys let in beside them.
        is "$(box echo still)" still
        "#,
    )
}
