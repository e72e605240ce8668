//! What a certificate says of itself: for whom, and until when.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::certificate::Certificate as X509;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

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
        let certificate = X509::from_der(der).ok()?;
        let content = certificate.tbs_certificate();
        let listed = content.get_extension::<SubjectAltName>().ok().flatten();
        let names = listed.iter().flat_map(|(_, names)| &names.0);
        let validity = content.validity();
        Some(Self {
            names: names.filter_map(name).collect(),
            not_before: unix_seconds(validity.not_before),
            not_after: unix_seconds(validity.not_after),
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

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let bytes = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    }
}

fn unix_seconds(time: Time) -> i64 {
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

fn date(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).ok();
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| seconds.to_string())
}
