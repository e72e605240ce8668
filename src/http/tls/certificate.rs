//! What a certificate says of itself: for whom, and until when.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::config::Note;

/// Time before the end of a certificate from which on it is worth a warning. Renewals happen at 30
/// days of 90 (certbot) or at a third of the lifetime (cert-manager), so this is a missed one.
const SOON: i64 = 14 * 86_400;

/// What a certificate says of itself. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Host names and addresses it is for.
    pub(super) names: Vec<String>,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Certificate {
    /// Reads it; `None` when it is not an X.509 certificate.
    pub(super) fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let listed = certificate.subject_alternative_name().ok().flatten();
        let names = listed.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            names: names.filter_map(name).collect(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        })
    }

    /// What may keep clients away.
    pub(super) fn remarks(&self, now: i64) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut remark = |code, message: String| notes.push(Note { code, message });
        let (from, until) = (date(self.not_before), date(self.not_after));
        if self.names.is_empty() {
            remark(
                "certificate_without_names",
                "the certificate names no host (no subjectAltName): clients refuse it".to_owned(),
            );
        }
        if now < self.not_before {
            remark(
                "certificate_not_yet_valid",
                format!(
                    "the certificate is valid from {from} on: until then clients refuse it; \
                     is the clock of this machine right?"
                ),
            );
        } else if now > self.not_after {
            remark(
                "certificate_expired",
                format!("the certificate expired on {until}: clients refuse it; renew it"),
            );
        } else if self.not_after - now < SOON {
            remark(
                "certificate_expires_soon",
                format!("the certificate expires on {until} and has not been renewed"),
            );
        }
        notes
    }

    /// The end of its validity, for people.
    pub(super) fn until(&self) -> String {
        date(self.not_after)
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
        },
        _ => None,
    }
}

fn date(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
