//! How both ends of the platform's SSH are set: algorithms, windows, keepalives. One place, so that the bastion and
//! the agent never differ, and so that what was found to matter is written down once.

mod stream;

use std::{borrow::Cow, sync::Arc, time::Duration};

use russh::{
    Limits, MethodKind, MethodSet, Preferred, SshId, cipher, client, compression, kex,
    keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PrivateKey},
    mac, server,
};

pub use stream::Unblocked;

/// Bytes that a peer may send on a channel before it hears back. One round trip of 20 ms then allows 400 MiB/s.
pub const WINDOW: u32 = 8 << 20;
/// Largest packet: the largest that OpenSSH takes in one read.
pub const PACKET: u32 = 65_535;
/// Messages that wait for one channel's reader: more than a window holds, since the window is the byte cap of a channel
/// (third-party/README.md), and a queue that is full would hold up all others of its connection.
pub const CHANNEL_BUFFER: usize = 65_536;
/// Quiet time after which a peer is asked whether it is there: load balancers cut idle flows, the quickest at 350 s.
pub const KEEPALIVE: Duration = Duration::from_secs(30);
/// Unanswered questions after which it is gone.
pub const KEEPALIVE_MAX: usize = 3;
/// Tries to log in, the one without a key counted: an agent offers every key it has.
pub const AUTH_ATTEMPTS: usize = 20;

/// Hybrid post-quantum first, then elliptic curves; nothing with SHA-1, no finite fields.
const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// Where a processor has AES, which is nearly everywhere, GCM is twice as fast as `ChaCha20`.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];

/// Encrypt-then-MAC only.
const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];

/// Kinds of keys, of servers and users; RSA with SHA-2 only.
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::SkEd25519,
    Algorithm::SkEcdsaSha2NistP256,
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// Algorithms of both roles. No compression: what is worth it is compressed already, and a peer could have a small
/// packet grow to any size.
fn preferred() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Borrowed(KEYS),
        host_key_certificates: Cow::Borrowed(&[Algorithm::Ed25519]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// A server that proves itself by `key` and, to those who trust the host authority, by `certificate`. `name` is what
/// it calls itself.
pub fn server(name: &'static str, key: PrivateKey, certificate: Option<Certificate>) -> Arc<server::Config> {
    Arc::new(server::Config {
        server_id: SshId::Standard(Cow::Borrowed(name)),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // Keys are no passwords: there is nothing to guess that waiting would slow down, and an agent with six keys
        // would wait six times. What slows down guessing of names is the bastion's penalty for a source.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        certificates: certificate.into_iter().collect(),
        limits: Limits::default(),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: CHANNEL_BUFFER,
        event_buffer_size: 128,
        preferred: preferred(),
        max_auth_attempts: AUTH_ATTEMPTS,
        // Silence is no fault: keepalives tell who is gone.
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVE_MAX,
        nodelay: true,
    })
}

/// A client that calls itself `name`.
pub fn client(name: &'static str) -> Arc<client::Config> {
    Arc::new(client::Config {
        client_id: SshId::Standard(Cow::Borrowed(name)),
        limits: Limits::default(),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: CHANNEL_BUFFER,
        preferred: preferred(),
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVE_MAX,
        nodelay: true,
        ..client::Config::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_weak_is_offered() {
        let all = preferred();
        let names: Vec<&str> = all
            .kex
            .iter()
            .map(AsRef::as_ref)
            .chain(all.cipher.iter().map(AsRef::as_ref))
            .chain(all.mac.iter().map(AsRef::as_ref))
            .chain(all.compression.iter().map(AsRef::as_ref))
            .collect();
        for name in names {
            let weak = ["sha1", "group1-", "group14", "cbc", "3des", "zlib", "nistp"];
            assert!(!weak.iter().any(|weak| name.contains(weak)), "{name}");
        }
        assert!(!all.key.contains(&Algorithm::Rsa { hash: None }), "ssh-rsa signs with SHA-1");
    }
}
