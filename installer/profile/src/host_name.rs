//! Names and addresses that developers type after the `@`. The bastion's host certificate lists them.

use std::net::{IpAddr, Ipv6Addr};

use devplat_api::dns::{LABEL_MAX, SUBDOMAIN_MAX};

/// Why a text is not the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHostName {
    #[error("write it in lower case, as OpenSSH compares it")]
    Case,
    #[error("no client can connect to this address")]
    Address,
    #[error("use an IP address or a DNS name without a port; '*' and '?' stand for other characters")]
    Syntax,
}

/// Checks a DNS name, a pattern of such names, or an IP address.
pub(crate) fn check(text: &str) -> Result<(), InvalidHostName> {
    if text.chars().any(char::is_uppercase) {
        return Err(InvalidHostName::Case);
    }
    if let Some(address) = address(text) {
        let usable = !address.is_unspecified() && !address.is_multicast();
        return if usable { Ok(()) } else { Err(InvalidHostName::Address) };
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_*?".contains(c);
    let label = |label: &str| {
        let end = |c: char| plain(c) && c != '-';
        (1..=LABEL_MAX).contains(&label.len())
            && label.starts_with(end)
            && label.ends_with(end)
            && label.chars().all(plain)
    };
    if text.len() <= SUBDOMAIN_MAX && text.split('.').all(label) {
        Ok(())
    } else {
        Err(InvalidHostName::Syntax)
    }
}

/// Reads an address, which can have a zone such as `%eth0`.
fn address(text: &str) -> Option<IpAddr> {
    match text.split_once('%') {
        None => text.parse().ok(),
        Some((address, zone)) => {
            let named =
                !zone.is_empty() && zone.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
            address.parse::<Ipv6Addr>().ok().filter(|_| named).map(IpAddr::V6)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_patterns_and_addresses_are_accepted() {
        for text in
            ["dev", "dev.example.com", "*.example.com", "dev-?.example.com", "_a.b", "192.0.2.7", "::1"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        assert_eq!(check("fe80::1%eth0"), Ok(()));
    }

    #[test]
    fn other_texts_are_rejected_with_the_reason() {
        for (text, reason) in [
            ("Dev.example.com", InvalidHostName::Case),
            ("0.0.0.0", InvalidHostName::Address),
            ("ff02::1", InvalidHostName::Address),
            ("", InvalidHostName::Syntax),
            ("a b", InvalidHostName::Syntax),
            ("a,b", InvalidHostName::Syntax),
            ("dev.example.com:22", InvalidHostName::Syntax),
            ("[::1]", InvalidHostName::Syntax),
            ("fe80::1%", InvalidHostName::Syntax),
            ("alice@dev.example.com", InvalidHostName::Syntax),
            ("dev..com", InvalidHostName::Syntax),
            ("dev.example.com.", InvalidHostName::Syntax),
            ("-dev", InvalidHostName::Syntax),
            ("a".repeat(64).as_str(), InvalidHostName::Syntax),
            (["abcdefg"; 32].join(".").as_str(), InvalidHostName::Syntax),
        ] {
            assert_eq!(check(text), Err(reason), "{text:?}");
        }
    }
}
