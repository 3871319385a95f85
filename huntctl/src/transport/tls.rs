//! TLS by rustls: whom a sink trusts, and who it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::Deserialize;

use crate::failure::{Exit, Failure};

/// Whom a sink trusts, and who it is. The name in the receiver's certificate is checked in
/// any case.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSettings {
    /// PEM: the authorities that are trusted, in place of the platform's.
    pub ca_file: Option<PathBuf>,
    /// PEM: the certificate that a receiver may ask for, and those it was issued by.
    pub certificate_file: Option<PathBuf>,
    /// PEM: its private key.
    pub key_file: Option<PathBuf>,
}

/// What reqwest is given where TLS is not spoken. It trusts nobody, so it works in an image
/// without certificates.
pub(super) fn unused() -> Result<ClientConfig, Failure> {
    let builder = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(builder.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Failure> {
    // ring where the program has not chosen another.
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable("TLS", error))
}

impl TlsSettings {
    pub(super) fn config(&self) -> Result<ClientConfig, Failure> {
        let builder = builder()?;
        let builder = match &self.ca_file {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    let added = roots.add(certificate);
                    added.map_err(|error| unusable(path.display(), error))?;
                }
                builder.with_root_certificates(roots)
            }
            None => builder.with_platform_verifier().map_err(|error| {
                unusable(
                    "the platform's certificates (give some by `ca_file`)",
                    error,
                )
            })?,
        };
        match (&self.certificate_file, &self.key_file) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| unusable(key.display(), error))?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(|error| unusable(certificate.display(), error))
            }
            _ => Err(Failure::new(
                Exit::Usage,
                "`certificate_file` and `key_file` go together",
            )),
        }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |error| unusable(path.display(), error);
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(wrong)?
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    if all.is_empty() {
        return Err(unusable(
            path.display(),
            "it has no `-----BEGIN CERTIFICATE-----`",
        ));
    }
    Ok(all)
}

fn unusable(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("{what} cannot be used: {why}"))
}
