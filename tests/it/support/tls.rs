//! A certificate authority, certificates in a folder, and a TLS client that shows what it sees.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::Config;

/// The name that every certificate here is for. `example.org` belongs to nobody.
pub(crate) const HOST: &str = "analytics.example.org";

/// A certificate authority, and the folder in which it puts certificates for a server.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
}

/// A certificate and its key, as PEM.
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
    /// What a client sees of the certificate.
    pub(crate) seen: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        let root = certificate.der().clone();
        Self { folder, issuer: Issuer::new(params, key), root }
    }

    /// A new certificate with a new key.
    pub(crate) fn issue(&self) -> Pair {
        self.issue_for(HOST)
    }

    /// The same for another name.
    pub(crate) fn issue_for(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let seen = certificate.der().clone();
        Pair { cert: certificate.pem(), key: key.serialize_pem(), seen }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a pair into a folder of its own and lets `live` point there, in one step.
    pub(crate) fn deploy(&self, name: &str, cert: &str, key: &str) {
        fs::create_dir(self.path(name)).unwrap();
        fs::write(self.path(name).join("cert.pem"), cert).unwrap();
        fs::write(self.path(name).join("key.pem"), key).unwrap();
        let link = self.path("live.new");
        std::os::unix::fs::symlink(name, &link).unwrap();
        fs::rename(link, self.path("live")).unwrap();
    }

    /// A server that serves HTTPS with what was deployed.
    pub(crate) fn config(&self) -> Config {
        let (cert, key) = (self.path("live/cert.pem"), self.path("live/key.pem"));
        https_config(&cert, &key, Config::default())
    }

    /// Connects and shakes hands, trusting this authority alone.
    pub(crate) fn connect(&self, address: &str, protocols: &[&str]) -> Connection {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(HOST).unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = dial(address);
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        Connection(StreamOwned::new(session, socket))
    }
}

/// A configuration with HTTPS on a free port.
pub(crate) fn https_config(cert: &Path, key: &Path, mut config: Config) -> Config {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    config.env.extend([
        ("ANALYTICS_SERVER__TLS__LISTEN", "127.0.0.1:0".to_owned()),
        ("ANALYTICS_SERVER__TLS__CERT", text(cert)),
        ("ANALYTICS_SERVER__TLS__KEY", text(key)),
    ]);
    config
}

/// A connection whose reads fail instead of waiting for ever.
pub(crate) fn dial(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    socket
}

/// A TLS connection.
pub(crate) struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    /// The certificate that the server showed.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.conn.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// What was agreed on by ALPN.
    pub(crate) fn protocol(&self) -> Option<&str> {
        self.0.conn.alpn_protocol().map(|name| std::str::from_utf8(name).unwrap())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
    }

    pub(crate) fn read(&mut self, bytes: &mut [u8]) {
        self.0.read_exact(bytes).unwrap();
    }

    /// Asks over HTTP/1.1 and gives the status; the connection stays open.
    pub(crate) fn get(&mut self, path: &str) -> u16 {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\n\r\n"))
    }

    /// Posts a batch over HTTP/1.1 and gives the status.
    pub(crate) fn post(&mut self, body: &str) -> u16 {
        let length = body.len();
        self.ask(&format!(
            "POST /v1/events HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    fn ask(&mut self, request: &str) -> u16 {
        self.write(request.as_bytes());
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.read(&mut byte);
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .split_once("content-length: ")
            .map_or("0", |(_, rest)| rest.split_once("\r\n").unwrap().0);
        self.read(&mut vec![0; length.parse().unwrap()]);
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}
