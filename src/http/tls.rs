//! HTTPS: a certificate and its key from two files, reread when they change.
//!
//! [`files`] reads and judges the two files, [`faults`] says what is wrong with them, [`certificate`]
//! knows what a certificate says of itself, [`reload`] looks for newer ones while connections run.
//! The handshake and its limits are salvo's.

mod certificate;
mod faults;
mod files;
mod reload;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use self::certificate::Certificate;
use self::files::Files;
use crate::config::settings::Tls;
use crate::config::{Diagnostics, Loaded, Note};

/// What salvo looks at for every new connection.
pub(super) type Current = Arc<ArcSwapOption<TlsAcceptor>>;

/// A certificate in use, and where newer ones come from.
pub struct Https {
    tls: Tls,
    current: Current,
    files: Files,
    certificate: Certificate,
}

impl Https {
    /// Reads the files of `server.tls`; `None` when there is no such section. What is worth saying
    /// of the certificate is added to the notes. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Everything that is wrong with the files, at the settings that name them.
    pub fn open(loaded: &mut Loaded, now: i64) -> Result<Option<Self>, Diagnostics> {
        let Some(tls) = loaded.settings.server.tls.clone() else { return Ok(None) };
        let files = Files::read(&tls);
        let pair = files.judge(&tls).map_err(|misfits| loaded.report(misfits))?;
        loaded.notes.extend(pair.certificate.remarks(now));
        loaded.notes.extend(files.remarks(&tls));
        let current = Arc::new(ArcSwapOption::from(Some(acceptor(pair.config))));
        Ok(Some(Self { tls, current, files, certificate: pair.certificate }))
    }

    /// The certificate in use, for the acceptor.
    pub(super) fn current(&self) -> Current {
        Arc::clone(&self.current)
    }
}

fn acceptor(config: ServerConfig) -> Arc<TlsAcceptor> {
    Arc::new(TlsAcceptor::from(Arc::new(config)))
}

fn log(notes: &[Note]) {
    for note in notes {
        tracing::warn!(code = note.code, "{}", note.message);
    }
}
