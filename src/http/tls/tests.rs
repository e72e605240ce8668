//! Files that certificates come in, good and bad. The certificates are made here by another hand
//! than the one that reads them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, date_time_ymd,
};
use tempfile::TempDir;

use super::certificate::Certificate;
use super::files::Files;
use super::reload::Changes;
use crate::config::settings::Tls;

/// A folder with a certificate and its key.
struct Folder {
    folder: TempDir,
    tls: Tls,
}

impl Folder {
    fn new(cert: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |file: &str| folder.path().join(file);
        let tls = Tls {
            listen: ([127, 0, 0, 1], 0).into(),
            cert: path("cert.pem"),
            key: path("key.pem"),
        };
        fs::write(&tls.cert, cert).unwrap();
        write_key(&tls.key, key);
        Self { folder, tls }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// As Kubernetes does it: `..data` points at a version, and is renamed over.
    fn point_at(&self, version: &str) {
        std::os::unix::fs::symlink(version, self.path("..tmp")).unwrap();
        fs::rename(self.path("..tmp"), self.path("..data")).unwrap();
    }

    fn read(&self) -> Files {
        Files::read(&self.tls)
    }

    /// Codes and whole texts of what is wrong.
    fn faults(&self) -> Vec<(&'static str, String)> {
        let misfits = self.read().judge(&self.tls).err().unwrap_or_default();
        let text = |misfit: crate::config::Misfit| {
            (
                misfit.code.as_str(),
                format!("{}: {}; {}", misfit.setting.join("."), misfit.message, misfit.help),
            )
        };
        misfits.into_iter().map(text).collect()
    }
}

fn write_key(path: &Path, key: impl AsRef<[u8]>) {
    fs::write(path, key).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
}

fn params() -> CertificateParams {
    let names = vec!["stats.example.org".to_owned(), "192.0.2.7".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 4, 1);
    params
}

/// A certificate and its key, as PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (params().self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn good_pairs_of_every_kind_are_taken() {
    for key in [
        KeyPair::generate().unwrap(),
        KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&PKCS_ED25519).unwrap(),
    ] {
        let cert = params().self_signed(&key).unwrap().pem();
        // Text before and between the parts, as openssl and certificate authorities write it.
        let folder = Folder::new(format!("subject=x\n{cert}\n\n"), key.serialize_pem());
        assert_eq!(folder.faults(), []);
        let pair = folder.read().judge(&folder.tls).ok().unwrap();
        assert_eq!(pair.config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        let told = Certificate {
            names: vec!["stats.example.org".to_owned(), "192.0.2.7".to_owned()],
            not_before: 1_767_225_600,
            not_after: 1_775_001_600,
        };
        assert_eq!(pair.certificate, told);
    }
}

#[test]
fn a_chain_and_key_in_one_file_are_taken() {
    let (cert, key) = pair();
    let mut folder = Folder::new(format!("{key}{cert}"), "");
    folder.tls.key = folder.tls.cert.clone();
    assert_eq!(folder.faults(), []);
}

#[test]
fn whatever_is_wrong_is_said_with_its_file_and_a_remedy() {
    let (cert, key) = pair();
    let (_, other) = pair();
    let der = {
        let key = KeyPair::generate().unwrap();
        params().self_signed(&key).unwrap().der().to_vec()
    };
    let cut = cert.replacen("\n-----END", "AAAA\n-----END", 1);
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    let rubbish_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let large = vec![b'x'; 2 << 20];
    let (cert, key) = (cert.as_bytes(), key.as_bytes());
    for (certificate, private, code, words) in [
        (b"".as_slice(), key, "no_certificate", "fullchain.pem"),
        (b"hello".as_slice(), key, "no_certificate", "-----BEGIN CERTIFICATE-----"),
        (key, key, "no_certificate", "swapped"),
        (request.as_bytes(), key, "no_certificate", "signing request"),
        (der.as_slice(), key, "no_certificate", "openssl x509 -inform der"),
        (cut.as_bytes(), key, "damaged_certificate", "certificate 1"),
        (large.as_slice(), key, "file_too_large", "1 MiB"),
        (cert, b"", "no_private_key", "privkey.pem"),
        (cert, cert, "no_private_key", "swapped"),
        (cert, encrypted.as_bytes(), "no_private_key", "passphrase"),
        (cert, public.as_bytes(), "no_private_key", "public key"),
        (cert, der.as_slice(), "no_private_key", "openssl pkey -inform der"),
        (cert, rubbish_key.as_bytes(), "unsupported_key", "openssl genpkey"),
        (cert, other.as_bytes(), "key_mismatch", "must print the same"),
    ] {
        let folder = Folder::new(certificate, private);
        let faults = folder.faults();
        let [(found, text)] = faults.as_slice() else { panic!("{code}: {faults:?}") };
        assert_eq!(*found, code, "{text}");
        assert!(text.contains(words), "{text}");
        let about_the_key = matches!(code, "no_private_key" | "unsupported_key" | "key_mismatch");
        let (setting, file) = match about_the_key {
            true => ("server.tls.key: ", &folder.tls.key),
            false => ("server.tls.cert: ", &folder.tls.cert),
        };
        assert!(text.starts_with(setting), "{text}");
        assert!(text.contains(&file.display().to_string()), "{text}");
    }
}

#[test]
fn files_that_cannot_be_read_are_all_said() {
    let (cert, key) = pair();
    let mut folder = Folder::new(cert, key);
    folder.tls.cert = folder.path("missing.pem");
    folder.tls.key = folder.folder.path().to_owned();
    let codes: Vec<_> = folder.faults().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["unreadable_file", "unreadable_file"]);
    folder.tls.cert = PathBuf::from("cert.pem");
    assert!(folder.faults()[0].1.contains("a relative path begins at"), "{:?}", folder.faults());
    folder.tls.key = PathBuf::from("/dev/zero");
    assert_eq!(folder.faults()[1].0, "unreadable_file", "and reading it ends");
}

#[test]
fn a_chain_in_the_wrong_order_is_recognised() {
    let authority = Issuer::new(params(), KeyPair::generate().unwrap());
    let root = params().self_signed(authority.key()).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let own = params().signed_by(&key, &authority).unwrap().pem();
    let good = Folder::new(format!("{own}{root}"), key.serialize_pem());
    assert_eq!(good.faults(), []);
    let bad = Folder::new(format!("{root}{own}"), key.serialize_pem());
    let faults = bad.faults();
    assert_eq!(faults[0].0, "key_mismatch");
    assert!(faults[0].1.contains("must come first"), "{faults:?}");
}

#[test]
fn a_key_that_everybody_may_read_is_remarked() {
    let (cert, key) = pair();
    let folder = Folder::new(cert, key);
    for (mode, remarked) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&folder.tls.key, fs::Permissions::from_mode(mode)).unwrap();
        let remark = folder.read().remarks(&folder.tls);
        assert_eq!(remark.is_some(), remarked, "{mode:o}");
        if let Some(remark) = remark {
            assert!(remark.is_warning() && remark.message.contains("chmod o="), "{remark}");
        }
    }
}

#[test]
fn what_keeps_clients_away_is_remarked() {
    const DAY: i64 = 86_400;
    let certificate =
        Certificate { names: vec!["a".to_owned()], not_before: 0, not_after: 90 * DAY };
    let codes = |certificate: &Certificate, now| {
        certificate.remarks(now).into_iter().map(|note| note.code).collect::<Vec<_>>()
    };
    for (now, want) in [
        (-1, vec!["certificate_not_yet_valid"]),
        (0, vec![]),
        (76 * DAY, vec![]),
        (76 * DAY + 1, vec!["certificate_expires_soon"]),
        (90 * DAY, vec!["certificate_expires_soon"]),
        (90 * DAY + 1, vec!["certificate_expired"]),
    ] {
        assert_eq!(codes(&certificate, now), want, "at {now}");
    }
    let nameless = Certificate { names: Vec::new(), ..certificate };
    assert_eq!(codes(&nameless, DAY), ["certificate_without_names"]);
    assert!(nameless.remarks(-1)[1].message.contains("1970-01-01T00:00:00Z"));
}

#[test]
fn a_change_counts_once_it_holds_still() {
    let ((cert, key), (new_cert, new_key)) = (pair(), pair());
    let folder = Folder::new(&cert, &key);
    let mut changes = Changes::since(folder.read());
    let mut look = || changes.look(folder.read(), &folder.tls).map(|pair| pair.is_ok());
    assert_eq!(look(), None, "nothing is new");
    fs::write(&folder.tls.cert, &new_cert.as_bytes()[..100]).unwrap();
    assert_eq!(look(), None, "half a certificate");
    fs::write(&folder.tls.cert, &new_cert).unwrap();
    assert_eq!(look(), None, "a new certificate with the old key");
    write_key(&folder.tls.key, &new_key);
    assert_eq!(look(), None, "may still be going on");
    assert_eq!(look(), Some(true));
    assert_eq!(look(), None);
    write_key(&folder.tls.key, "");
    assert_eq!([look(), look(), look(), look()], [None, Some(false), None, None], "said once");
    fs::remove_file(&folder.tls.key).unwrap();
    assert_eq!([look(), look(), look()], [None, Some(false), None]);
    write_key(&folder.tls.key, &new_key);
    assert_eq!([look(), look(), look()], [None, Some(true), None], "healed");
}

#[test]
fn a_swapped_link_is_a_change_although_sizes_and_times_are_equal() {
    let ((cert, key), (other_cert, other_key)) = (pair(), pair());
    let mut folder = Folder::new("", "");
    for (version, cert, key) in [("v1", cert, key), ("v2", other_cert, other_key)] {
        fs::create_dir(folder.path(version)).unwrap();
        for (file, text) in [("cert.pem", cert), ("key.pem", key)] {
            let path = folder.path(version).join(file);
            write_key(&path, text);
            let epoch = std::time::SystemTime::UNIX_EPOCH;
            fs::File::options().write(true).open(path).unwrap().set_modified(epoch).unwrap();
        }
    }
    folder.point_at("v1");
    let (cert, key) = (folder.path("..data/cert.pem"), folder.path("..data/key.pem"));
    folder.tls = Tls { cert, key, ..folder.tls.clone() };
    let mut changes = Changes::since(folder.read());
    folder.point_at("v2");
    let mut look = || changes.look(folder.read(), &folder.tls).map(|pair| pair.is_ok());
    assert_eq!([look(), look(), look()], [None, Some(true), None]);
}
