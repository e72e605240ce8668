//! What `queue.url` says: where the server is, and whose certificates count. Separate from the link,
//! because a configuration is checked without connecting.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use redis::{ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

use super::LinkError;

/// The address of a server. Its parameters are named as those of `store.url`.
#[derive(Debug, Clone)]
pub struct Address {
    pub(super) info: ConnectionInfo,
    /// Certificates of the authorities that count instead of those of the machine.
    authority: Option<PathBuf>,
    /// Certificate and key that this side shows.
    client: Option<(PathBuf, PathBuf)>,
}

/// Why a URL is no address, as a verb and what follows it. What the URL holds is not repeated: it may
/// be a password in a wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not in the form of one.
    #[error("names no host, or a database that is no number")]
    Unreadable,
    /// A parameter that means nothing.
    #[error("has a parameter other than sslrootcert, sslcert and sslkey")]
    Parameter,
    /// Certificates without TLS.
    #[error("names certificates, which only rediss:// uses")]
    Plain,
    /// A certificate without its key, or the other way round.
    #[error("names one of sslcert and sslkey, which need each other")]
    Half,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let info = url.into_connection_info().map_err(|_| AddressError::Unreadable)?;
        let parsed = url::Url::parse(url).map_err(|_| AddressError::Unreadable)?;
        if parsed.fragment().is_some() {
            return Err(AddressError::Unreadable);
        }
        let (mut authority, mut certificate, mut key) = (None, None, None);
        for (name, value) in parsed.query_pairs() {
            let file = match &*name {
                "sslrootcert" => &mut authority,
                "sslcert" => &mut certificate,
                "sslkey" => &mut key,
                _ => return Err(AddressError::Parameter),
            };
            *file = Some(PathBuf::from(Cow::into_owned(value)));
        }
        let client = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err(AddressError::Half),
        };
        let encrypted = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        if !encrypted && (authority.is_some() || client.is_some()) {
            return Err(AddressError::Plain);
        }
        // What library this is concerns nobody, and would need a right of its own.
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(settings);
        Ok(Self { info, authority, client })
    }

    /// The certificates, read anew: they may have been renewed. `None` when none are named.
    pub(super) fn certificates(&self) -> Result<Option<TlsCertificates>, LinkError> {
        if self.authority.is_none() && self.client.is_none() {
            return Ok(None);
        }
        let root_cert = self.authority.as_deref().map(|path| read("sslrootcert", path));
        let client_tls = self.client.as_ref().map(|(certificate, key)| {
            Ok(ClientTlsConfig {
                client_cert: read("sslcert", certificate)?,
                client_key: read("sslkey", key)?,
            })
        });
        Ok(Some(TlsCertificates {
            client_tls: client_tls.transpose()?,
            root_cert: root_cert.transpose()?,
        }))
    }
}

fn read(parameter: &'static str, path: &Path) -> Result<Vec<u8>, LinkError> {
    fs::read(path).map_err(|source| LinkError::File { parameter, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_that_mean_something() {
        for (url, want) in [
            ("redis://127.0.0.1", None),
            ("redis://user:pass@host:6379/3", None),
            ("rediss://host?sslrootcert=/etc/ca%20b.pem&sslcert=a&sslkey=b", None),
            ("redis://", Some(AddressError::Unreadable)),
            ("redis://host/x", Some(AddressError::Unreadable)),
            ("rediss://host#insecure", Some(AddressError::Unreadable)),
            ("rediss://host?sslrootcer=x", Some(AddressError::Parameter)),
            ("redis://host?sslrootcert=x", Some(AddressError::Plain)),
            ("rediss://host?sslkey=x", Some(AddressError::Half)),
        ] {
            assert_eq!(Address::parse(url).err(), want, "{url}");
        }
        let address = Address::parse("rediss://host?sslrootcert=/nowhere/ca%20b.pem").unwrap();
        let error = address.certificates().err().unwrap();
        assert_eq!(
            error.to_string(),
            "cannot read /nowhere/ca b.pem, which sslrootcert of queue.url names"
        );
    }
}
