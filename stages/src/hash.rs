//! Keyed 128-bit hashes: the only form in which identities, idempotency keys and client addresses
//! leave the request that carried them.
//!
//! SipHash-2-4 with a 128-bit output is a pseudo-random function for whoever does not hold the key
//! (Aumasson & Bernstein, 2012), which is what is needed: nobody can recompute or choose a hash.

use std::cell::RefCell;
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

/// A secret key for hashes. It cannot be printed.
#[derive(Clone)]
pub struct HashKey([u8; 16]);

impl HashKey {
    /// Wraps key material that was stored before.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Fresh key material from the operating system.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        random_bytes().map(Self)
    }

    /// The key itself, for the place that stores it.
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }

    /// Hashes `parts` under a domain label, so that hashes for different uses never meet.
    /// Every part is preceded by its length: ("ab", "c") and ("a", "bc") differ.
    pub fn hash(&self, domain: &str, parts: &[&[u8]]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        for part in std::iter::once(domain.as_bytes()).chain(parts.iter().copied()) {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish128().as_bytes()
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

fn random_bytes() -> Result<[u8; 16], getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// 16 bytes as 32 lower-case hex digits. The formatter of integers takes six times as long, and this
/// is done twice a request.
pub fn hex(bytes: &[u8; 16]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 32];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    digits
}

/// Ids that one call to the operating system gives.
const IDS_AT_ONCE: usize = 64;

/// Defines a 128-bit identifier that is shown as 32 lower-case hex digits.
macro_rules! id128 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Wraps the 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&hex(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotHex;

            fn from_str(text: &str) -> Result<Self, NotHex> {
                let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                let value = digits.then(|| u128::from_str_radix(text, 16).ok()).flatten();
                value.map(|v| Self(v.to_be_bytes())).ok_or(NotHex)
            }
        }
    };
}

/// The text is not 32 hex digits.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not 32 hex digits")]
pub struct NotHex;

id128! {
    /// Names a queue entry, and is the receipt that the client gets. Random, never time-ordered.
    EntryId
}
id128! {
    /// What makes an event itself: a keyed hash of its `event_id`, or of session and sequence number.
    Identity
}
id128! {
    /// A keyed hash of (`Idempotency-Key`, digest of the decoded body).
    BatchKey
}
id128! {
    /// A keyed hash of a client's address (IPv6 by /64). Lives in memory only.
    ClientKey
}

impl EntryId {
    /// A fresh id from the operating system's randomness, which is asked for many ids at a time:
    /// a system call for each was a third of those that a small request made of its own.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        thread_local! {
            static STOCK: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
        }
        STOCK.with_borrow_mut(|stock| {
            if stock.is_empty() {
                let mut bytes = [0; 16 * IDS_AT_ONCE];
                getrandom::fill(&mut bytes)?;
                stock.extend(bytes.as_chunks().0);
            }
            // Filled just now if it was empty; taken out, so that none is given twice.
            stock.pop().map_or_else(random_bytes, Ok).map(Self)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn parts_and_domains_are_kept_apart() {
        let key = HashKey::from_bytes([7; 16]);
        let whole = key.hash("a", &[b"ab", b"c"]);
        assert_ne!(whole, key.hash("a", &[b"a", b"bc"]));
        assert_ne!(whole, key.hash("b", &[b"ab", b"c"]));
        assert_ne!(whole, HashKey::from_bytes([8; 16]).hash("a", &[b"ab", b"c"]));
        assert_eq!(whole, key.hash("a", &[b"ab", b"c"]));
    }

    #[test]
    fn ids_read_back_what_they_show_and_keys_show_nothing() {
        let id = EntryId::from_bytes([0x0a; 16]);
        assert_eq!(id.to_string(), "0a".repeat(16));
        assert_eq!(id.to_string().parse::<EntryId>().ok(), Some(id));
        assert!("+a".repeat(16).parse::<EntryId>().is_err());
        assert_eq!(format!("{:?}", HashKey::from_bytes([9; 16])), "HashKey(***)");
    }

    #[test]
    fn no_id_is_given_twice() {
        let take = || (0..3 * IDS_AT_ONCE).map(|_| EntryId::random().unwrap()).collect::<Vec<_>>();
        let threads = [0; 3].map(|_| std::thread::spawn(take));
        let ids: HashSet<EntryId> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 9 * IDS_AT_ONCE);
    }
}
