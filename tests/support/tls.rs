//! TLS on loopback, with an authority that nobody knows.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate for a server, which is in memory only.
pub struct Certificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// One for these hosts.
    pub fn certificate(&self, hosts: &[&str]) -> Certificate {
        self.issue(hosts, 4096)
    }

    pub fn expired_certificate(&self, hosts: &[&str]) -> Certificate {
        self.issue(hosts, 2001)
    }

    /// One for these hosts, and its key, in PEM.
    pub fn certificate_pem(&self, hosts: &[&str]) -> (String, String) {
        let (certificate, key) = self.signed(hosts, 4096);
        (certificate.pem(), key.serialize_pem())
    }

    fn issue(&self, hosts: &[&str], until: i32) -> Certificate {
        let (certificate, key) = self.signed(hosts, until);
        Certificate {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    fn signed(&self, hosts: &[&str], until: i32) -> (rcgen::Certificate, KeyPair) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

impl Certificate {
    pub fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Drops the connections of those who refuse its certificate.
pub struct Listener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

/// How the keys of the last connection were agreed upon, by anybody.
pub static KEY_EXCHANGE: Mutex<Option<rustls::NamedGroup>> = Mutex::new(None);

impl Listener {
    pub async fn bind(certificate: &Certificate) -> Self {
        Self {
            tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: certificate.acceptor(),
        }
    }
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((connection, address)) = self.tcp.accept().await else {
                continue;
            };
            if let Ok(stream) = self.acceptor.accept(connection).await {
                let group = stream.get_ref().1.negotiated_key_exchange_group();
                *KEY_EXCHANGE.lock().unwrap() = group.map(|group| group.name());
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
