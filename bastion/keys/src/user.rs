//! A key for a user who has none yet.

use std::fmt;

use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, private::Ed25519Keypair};

/// A user's key pair.
pub struct UserKey(PrivateKey);

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", self.0.public_key().fingerprint(HashAlg::Sha256))
    }
}

impl UserKey {
    /// From 32 random bytes; `comment` says whose it is.
    pub fn from_seed(seed: [u8; 32], comment: &str) -> Self {
        let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        key.set_comment(comment);
        Self(key)
    }

    /// The key itself, to sign in with.
    pub fn private_key(&self) -> &PrivateKey {
        &self.0
    }

    /// Its public half.
    pub fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    /// What goes into a file that `ssh -i` takes.
    pub fn private_text(&self) -> String {
        self.0.to_openssh(LineEnding::LF).expect("an ed25519 key can be written").to_string()
    }

    /// A line as in `authorized_keys`.
    pub fn public_text(&self) -> String {
        self.0.public_key().to_openssh().expect("an ed25519 key can be written")
    }
}

/// Returns the public half of the private key in a file as `ssh -i` takes it. A passphrase hides only its comment, which
/// is empty then.
pub fn public_half(private_text: &str) -> Result<PublicKey, ssh_key::Error> {
    Ok(PrivateKey::from_openssh(private_text)?.public_key().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that was made for this test, with the passphrase `secret`.
    const LOCKED: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAPREXHmo
r38vokq4HD3wOlAAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAID1X49aWb3i1Ll6s
Q0xpTlZRjywTl5xgXqnFnU7xOpHTAAAAkD0FqnF0LWcqUfsbxtFOLI7tiXTrcwPFKCD/E8
yglhxE8dSifIqLJFn63Ufz3gVuLIiAtkEcNsiO1NCxclSHOMyVw9Xw3ZOqvwwGfwyj1GQ5
BJOT+hgxs6maXYczlVXyAIa2TZ4n5IkRypo9mQMwYKgIYxKsX6eC07BPmYs+BANsMHwM6k
U/Y5VlzD377KXEig==
-----END OPENSSH PRIVATE KEY-----
";

    #[test]
    fn public_half_is_read_from_the_file_of_a_private_key() {
        let key = UserKey::from_seed([7; 32], "demo@devplat");
        let text = key.private_text();
        assert_eq!(public_half(&text).unwrap().to_openssh().unwrap(), key.public_text());
        for damaged in
            ["", "rubbish", &key.public_text(), &text[..text.len() / 2], &text.replace("AAAA", "AAAB")]
        {
            assert!(public_half(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn passphrase_hides_only_the_comment() {
        let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1X49aWb3i1Ll6sQ0xpTlZRjywTl5xgXqnFnU7xOpHT";
        assert_eq!(public_half(LOCKED).unwrap().to_openssh().unwrap(), public);
    }
}
