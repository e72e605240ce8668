//! The two files of a certificate: what they hold, and everything that can be wrong with that.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

use super::certificate::Certificate;
use super::faults;
use crate::config::settings::Tls;
use crate::config::{Misfit, Note};

/// A chain has a few KiB. Whatever is larger is another file.
const MOST_BYTES: u64 = 1_024 * 1_024;
/// Protocols that are offered, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What both files held at a moment. Compared byte by byte, so that no replacement is missed,
/// whatever it does to times, sizes, inodes and symbolic links.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Files {
    cert: Result<Vec<u8>, Unreadable>,
    key: Result<Vec<u8>, Unreadable>,
    key_is_open: bool,
}

/// Why a file could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    Missing,
    Forbidden,
    NoFile,
    TooLarge,
    Other(ErrorKind),
}

/// A certificate chain and its key, ready for use.
pub(super) struct Pair {
    pub(super) certificate: Certificate,
    pub(super) config: ServerConfig,
}

impl Files {
    /// Reads both.
    pub(super) fn read(tls: &Tls) -> Self {
        let cert = read(&tls.cert).map(|(bytes, _)| bytes);
        let key = read(&tls.key);
        // Permission for everybody to read.
        let key_is_open =
            key.as_ref().is_ok_and(|(_, file)| file.permissions().mode() & 0o004 != 0);
        Self { cert, key: key.map(|(bytes, _)| bytes), key_is_open }
    }

    /// What may surprise although it works.
    pub(super) fn remarks(&self, tls: &Tls) -> Option<Note> {
        self.key_is_open.then(|| Note {
            code: "open_key",
            message: format!(
                "every user of this machine can read the private key {0}; run: chmod o= {0}",
                tls.key.display()
            ),
        })
    }

    /// The pair, or everything that is wrong with it.
    pub(super) fn judge(&self, tls: &Tls) -> Result<Pair, Vec<Misfit>> {
        let provider = Arc::new(ring::default_provider());
        let chain = self.chain(&tls.cert);
        let key = self.private_key(&tls.key, &provider);
        let (chain, key) = match (chain, key) {
            (Ok(chain), Ok(key)) => (chain, key),
            (chain, key) => return Err([chain.err(), key.err()].into_iter().flatten().collect()),
        };
        let certificate = chain.first().and_then(Certificate::parse);
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(vec![faults::mismatch(&certified, tls)]);
            }
            Err(_) => return Err(vec![faults::damaged(&tls.cert, 1)]),
        }
        let certificate = certificate.ok_or_else(|| vec![faults::damaged(&tls.cert, 1)])?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has suites for every protocol version")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Pair { certificate, config })
    }

    fn chain(&self, file: &Path) -> Result<Vec<CertificateDer<'static>>, Misfit> {
        let bytes =
            self.cert.as_ref().map_err(|why| faults::unreadable(faults::CERT, file, *why))?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(bytes).collect();
        if chain.is_empty() {
            return Err(faults::no_certificate(file, bytes));
        }
        let numbered = chain.into_iter().zip(1..);
        numbered.map(|(one, number)| one.map_err(|_| faults::damaged(file, number))).collect()
    }

    fn private_key(
        &self,
        file: &Path,
        provider: &CryptoProvider,
    ) -> Result<Arc<dyn SigningKey>, Misfit> {
        let bytes = self.key.as_ref().map_err(|why| faults::unreadable(faults::KEY, file, *why))?;
        let key = PrivateKeyDer::from_pem_slice(bytes).map_err(|_| faults::no_key(file, bytes))?;
        provider.key_provider.load_private_key(key).map_err(|_| faults::unsupported_key(file))
    }
}

/// What a file holds, and what the system says of it.
fn read(path: &Path) -> Result<(Vec<u8>, Metadata), Unreadable> {
    // Asked before it is opened: opening a pipe would wait for somebody to write.
    if !std::fs::metadata(path)?.is_file() {
        return Err(Unreadable::NoFile);
    }
    let file = File::open(path)?;
    let about = file.metadata()?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    Ok((bytes, about))
}

impl From<std::io::Error> for Unreadable {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::PermissionDenied => Self::Forbidden,
            kind => Self::Other(kind),
        }
    }
}
