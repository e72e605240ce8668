//! What can be wrong with the two files, in words: what, where, and what to do.

use std::path::Path;

use tokio_rustls::rustls::sign::CertifiedKey;

use super::files::Unreadable;
use crate::config::settings::Tls;
use crate::config::{Code, Misfit};

/// A setting that names a file, and what the file should hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    path: [&'static str; 3],
    holds: &'static str,
}

pub(super) const CERT: Setting =
    Setting { path: ["server", "tls", "cert"], holds: "the certificate file" };
pub(super) const KEY: Setting =
    Setting { path: ["server", "tls", "key"], holds: "the private key file" };

impl Setting {
    fn misfit(self, code: Code, message: impl Into<String>, help: impl Into<String>) -> Misfit {
        Misfit {
            setting: self.path.map(str::to_owned).to_vec(),
            code,
            message: message.into(),
            help: help.into(),
        }
    }
}

pub(super) fn unreadable(setting: Setting, file: &Path, why: Unreadable) -> Misfit {
    let what = format!("{} {}", setting.holds, file.display());
    match why {
        Unreadable::Missing => {
            let help = match file.is_absolute() {
                true => "check the path, and that the folder is mounted here".to_owned(),
                false => "a relative path begins at the folder that the server is started in; \
                          write the whole path"
                    .to_owned(),
            };
            setting.misfit(Code::UnreadableFile, format!("{what} does not exist"), help)
        }
        Unreadable::Forbidden => setting.misfit(
            Code::UnreadableFile,
            format!("{what} may not be read by the user that runs the server"),
            "give that user's group the right to read it (chgrp, chmod g+r), in every folder above \
             it the right to enter (chmod g+x)",
        ),
        Unreadable::NoFile => setting.misfit(
            Code::UnreadableFile,
            format!("{what} is a folder or a device, not a file"),
            "name the file in it, for instance fullchain.pem or privkey.pem",
        ),
        Unreadable::TooLarge => setting.misfit(
            Code::FileTooLarge,
            format!("{what} has more than 1 MiB: that is no PEM file of a server"),
            "name the file that begins with -----BEGIN",
        ),
        Unreadable::Other(kind) => setting.misfit(
            Code::UnreadableFile,
            format!("{what} cannot be read: {kind}"),
            "check the disk or the mount that it is on",
        ),
    }
}

/// A file without a certificate.
pub(super) fn no_certificate(file: &Path, bytes: &[u8]) -> Misfit {
    let at = file.display();
    let message = format!("{at} holds no certificate in PEM form");
    let help = if holds(bytes, "PRIVATE KEY-----") {
        "it holds a private key: are `cert` and `key` swapped?".to_owned()
    } else if holds(bytes, "CERTIFICATE REQUEST-----") {
        "it is a signing request: send it to a certificate authority and name its answer".to_owned()
    } else if is_der(bytes) {
        format!(
            "it is binary; make it PEM: openssl x509 -inform der -in {at} -out cert.pem, or for \
             PKCS#12: openssl pkcs12 -in {at} -nokeys -out cert.pem"
        )
    } else {
        "a certificate begins with -----BEGIN CERTIFICATE-----; name the file with the whole \
         chain, for instance fullchain.pem"
            .to_owned()
    };
    CERT.misfit(Code::NoCertificate, message, help)
}

/// A certificate that cannot be read. `number` counts from 1 in the file.
pub(super) fn damaged(file: &Path, number: usize) -> Misfit {
    let at = file.display();
    CERT.misfit(
        Code::DamagedCertificate,
        format!("certificate {number} in {at} cannot be read"),
        format!(
            "compare it with what was issued (openssl x509 -in {at} -noout -text); it must be \
             X.509 version 3 and complete"
        ),
    )
}

/// A file without a key.
pub(super) fn no_key(file: &Path, bytes: &[u8]) -> Misfit {
    let at = file.display();
    let message = format!("{at} holds no private key in PEM form");
    let help = if holds(bytes, "ENCRYPTED") {
        format!(
            "the key is locked with a passphrase; unlock it: openssl pkey -in {at} -out key.pem"
        )
    } else if holds(bytes, "CERTIFICATE-----") {
        "it holds a certificate: are `cert` and `key` swapped?".to_owned()
    } else if holds(bytes, "PUBLIC KEY-----") {
        "it holds a public key; the server needs the private one".to_owned()
    } else if is_der(bytes) {
        format!(
            "it is binary; make it PEM: openssl pkey -inform der -in {at} -out key.pem, or for \
             PKCS#12: openssl pkcs12 -in {at} -nocerts -nodes -out key.pem"
        )
    } else {
        "a key begins with -----BEGIN PRIVATE KEY-----; name for instance privkey.pem".to_owned()
    };
    KEY.misfit(Code::NoPrivateKey, message, help)
}

/// A key that cannot sign for a server.
pub(super) fn unsupported_key(file: &Path) -> Misfit {
    KEY.misfit(
        Code::UnsupportedKey,
        format!(
            "the private key in {} is damaged or of a kind that cannot be used",
            file.display()
        ),
        "use ECDSA on P-256 or P-384, Ed25519, or RSA with 2048 to 8192 bits, for instance: \
         openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem",
    )
}

/// A key that is not the first certificate's.
pub(super) fn mismatch(pair: &CertifiedKey, tls: &Tls) -> Misfit {
    let (cert, key) = (tls.cert.display(), tls.key.display());
    let later = pair
        .cert
        .iter()
        .skip(1)
        .any(|one| CertifiedKey::new(vec![one.clone()], pair.key.clone()).keys_match().is_ok());
    let help = match later {
        true => "it belongs to a later certificate of the file: the server's own must come first, \
                 then the one that signed it, and so on"
            .to_owned(),
        false => format!(
            "name two files that were made together; these two commands must print the same: \
             openssl x509 -in {cert} -noout -pubkey; openssl pkey -in {key} -pubout"
        ),
    };
    let message = format!("the private key in {key} does not belong to the certificate in {cert}");
    KEY.misfit(Code::KeyMismatch, message, help)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Whether it begins as every DER structure of interest does: with a SEQUENCE of a long form.
fn is_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..])
}
