//! Who sends a request, as a keyed hash, and from which country, when a believed proxy says so. The
//! address itself never leaves this file.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use ipnet::IpNet;
use salvo::http::{HeaderMap, HeaderName, Request};
use stages::{ClientKey, Country, HashKey};

/// Bytes of an IPv6 address that stand for one client: a /64 is what a provider gives to a home.
const IPV6_PREFIX_BYTES: usize = 8;
/// What proxies append the address of their peer to.
const FORWARDED: &str = "x-forwarded-for";

/// Makes client keys from addresses.
pub struct Clients {
    key: RwLock<HashKey>,
    trusted: Vec<IpNet>,
    country_header: Option<HeaderName>,
    warned: AtomicBool,
}

impl Clients {
    /// With a key that is made anew at every start, and the networks of believed proxies.
    pub const fn new(key: HashKey, trusted: Vec<IpNet>) -> Self {
        let warned = AtomicBool::new(false);
        Self { key: RwLock::new(key), trusted, country_header: None, warned }
    }

    /// Believes these proxies when they name a country in this header.
    pub fn with_country(self, header: Option<HeaderName>) -> Self {
        Self { country_header: header, ..self }
    }

    /// From now on makes keys from another key. Every client is then a new one, unless the key is
    /// the same.
    pub fn set_key(&self, key: HashKey) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key;
    }

    /// The client of a request.
    pub fn key_of(&self, req: &Request) -> ClientKey {
        self.key_for(peer_of(req), req.headers())
    }

    /// The country of a request.
    pub fn country_of(&self, req: &Request) -> Option<Country> {
        self.country_for(peer_of(req), req.headers())
    }

    /// A header that is there twice was not written by the proxy alone.
    fn country_for(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Country> {
        let mut values = headers.get_all(self.country_header.as_ref()?).iter();
        let (value, None) = (values.next()?, values.next()) else { return None };
        let country = Country::read(value.to_str().ok()?.trim())?;
        self.trusts(peer.to_canonical()).then_some(country)
    }

    fn key_for(&self, peer: IpAddr, headers: &HeaderMap) -> ClientKey {
        let peer = peer.to_canonical();
        let client = if self.trusts(peer) {
            self.right_most_untrusted(peer, headers)
        } else {
            self.warn_once(headers);
            peer
        };
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        ClientKey::from_bytes(match client {
            IpAddr::V4(v4) => key.hash("client", &[&v4.octets()]),
            IpAddr::V6(v6) => key.hash("client", &[&v6.octets()[..IPV6_PREFIX_BYTES]]),
        })
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&address))
    }

    /// Every proxy appends its own peer, so only the right end is worth anything: hops are believed
    /// from right to left for as long as a believed proxy wrote them. A hop that is no address ends
    /// the walk at the proxy that wrote it.
    fn right_most_untrusted(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for line in headers.get_all(FORWARDED).iter().rev() {
            let Ok(line) = line.to_str() else { return client };
            for hop in line.rsplit(',') {
                let Some(address) = address_of(hop.trim()) else { return client };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }

    fn warn_once(&self, headers: &HeaderMap) {
        if headers.contains_key(FORWARDED) && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "X-Forwarded-For came from a peer that is not in server.trusted_proxies and was \
                 ignored; if it is your proxy, list its network there (said once)"
            );
        }
    }
}

/// Other kinds of socket do not exist here; they would share one key.
fn peer_of(req: &Request) -> IpAddr {
    req.remote_addr().ip().unwrap_or(IpAddr::from([0; 4]))
}

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn address_of(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().or_else(|_| hop.parse::<SocketAddr>().map(|at| at.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;

    use super::*;

    fn clients() -> Clients {
        let trusted = ["10.0.0.0/8", "2001:db8:aaaa::/48"].map(|net| net.parse().unwrap());
        Clients::new(HashKey::from_bytes([1; 16]), trusted.to_vec())
    }

    fn key(peer: &str, forwarded: &[&str]) -> ClientKey {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED, HeaderValue::from_str(line).unwrap());
        }
        clients().key_for(peer.parse().unwrap(), &headers)
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_not_a_believed_proxy() {
        for (peer, forwarded, same_as) in [
            // Nobody asked for a proxy.
            ("203.0.113.9", &[][..], "203.0.113.9"),
            // A header from an unknown peer is worth nothing.
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            // One proxy, two proxies, and what the client itself wrote before them.
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["evil, 198.51.100.1"], "198.51.100.1"),
            // Several lines are one list.
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            // The proxy wrote something that is no address.
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1,"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            // All hops are proxies: the farthest of them.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Ports and brackets.
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("2001:db8:aaaa::7", &["198.51.100.1"], "198.51.100.1"),
            // IPv4 in IPv6 clothes.
            ("::ffff:203.0.113.9", &[], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            // A /64 is one client.
            ("2001:db8:1:2:3:4:5:6", &[], "2001:db8:1:2::"),
        ] {
            assert!(key(peer, forwarded) == key(same_as, &[]), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn a_country_is_what_a_believed_proxy_alone_says() {
        let header = HeaderName::from_static("cf-ipcountry");
        for (peer, values, want) in [
            ("10.0.0.1", &["DE"][..], Some("DE")),
            ("::ffff:10.0.0.1", &[" de "], Some("DE")),
            ("203.0.113.9", &["DE"], None),
            ("10.0.0.1", &["DE", "DE"], None),
            ("10.0.0.1", &["DE, FR"], None),
            ("10.0.0.1", &["XX"], None),
            ("10.0.0.1", &["T1"], None),
            ("10.0.0.1", &[""], None),
            ("10.0.0.1", &[], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&header, HeaderValue::from_str(value).unwrap());
            }
            let peer = peer.parse().unwrap();
            let believed = clients().with_country(Some(header.clone()));
            let country = believed.country_for(peer, &headers);
            assert_eq!(country.as_ref().map(Country::as_str), want, "{peer} {values:?}");
            assert_eq!(clients().country_for(peer, &headers), None);
        }
    }

    #[test]
    fn different_clients_have_different_keys() {
        let all = ["203.0.113.9", "203.0.113.8", "2001:db8:1:2::", "2001:db8:1:3::", "10.0.0.1"];
        for (index, one) in all.iter().enumerate() {
            for other in &all[index + 1..] {
                assert!(key(one, &[]) != key(other, &[]), "{one} {other}");
            }
        }
        let other_start = Clients::new(HashKey::from_bytes([2; 16]), Vec::new());
        let again = other_start.key_for("203.0.113.9".parse().unwrap(), &HeaderMap::new());
        assert!(again != key("203.0.113.9", &[]));
    }
}
