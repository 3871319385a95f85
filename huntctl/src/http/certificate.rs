//! The certificate that is served, read anew when its files change: it is renewed every few
//! weeks, and nobody should have to restart anything for that.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::failure::{Exit, Failure};

/// A certificate with those it was issued by, and its private key; cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<Files>);

struct Files {
    chain: PathBuf,
    key: PathBuf,
    read: Mutex<Read>,
}

struct Read {
    changed: Changed,
    acceptor: TlsAcceptor,
}

/// When the two files were last written.
type Changed = [Option<SystemTime>; 2];

impl Certificate {
    /// Reads both from files of PEM.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read, has nothing of the kind, or the two do not belong together.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, Failure> {
        let changed = changed(chain, key);
        let acceptor = acceptor(chain, key)?;
        Ok(Self(Arc::new(Files {
            chain: chain.to_owned(),
            key: key.to_owned(),
            read: Mutex::new(Read { changed, acceptor }),
        })))
    }

    /// What accepts the next connection. Files that have changed and cannot be used, such as
    /// one that is written just now, are told of; until they can, the old ones serve.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let Files { chain, key, read } = &*self.0;
        let changed = changed(chain, key);
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.changed != changed {
            match acceptor(chain, key) {
                Ok(acceptor) => read.acceptor = acceptor,
                Err(failure) => tracing::warn!("the certificate stays the old one: {failure}"),
            }
            read.changed = changed;
        }
        read.acceptor.clone()
    }
}

/// Without the key.
impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.0.chain).finish()
    }
}

fn changed(chain: &Path, key: &Path) -> Changed {
    [chain, key].map(|path| path.metadata().and_then(|it| it.modified()).ok())
}

fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let unusable = |path: &Path, why: &dyn fmt::Display| {
        let text = format!("the certificate {} cannot be used: {why}", path.display());
        Failure::new(Exit::Usage, text)
    };
    let certificates = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|problem| unusable(chain, &problem))?;
    if certificates.is_empty() {
        return Err(unusable(chain, &"it has no `-----BEGIN CERTIFICATE-----`"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|problem| unusable(key, &problem))?;
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificates, private)
        });
    let mut config = config.map_err(|problem| unusable(chain, &problem))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
