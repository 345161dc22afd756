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

    /// The key in a file as `ssh -i` takes it, without a passphrase.
    pub fn from_private_text(text: &str) -> Result<Self, ssh_key::Error> {
        let key = PrivateKey::from_openssh(text)?;
        if key.is_encrypted() { Err(ssh_key::Error::Encrypted) } else { Ok(Self(key)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_reads_back_from_its_file() {
        let key = UserKey::from_seed([7; 32], "demo@devplat");
        let read = UserKey::from_private_text(&key.private_text()).unwrap();
        assert_eq!(read.public_text(), key.public_text());
        assert!(UserKey::from_private_text("rubbish").is_err());
    }
}
