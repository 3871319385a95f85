//! TLS, by the library that the features choose: rustls where it is on, else the
//! platform's, else none.
//!
//! Certificates are needed only where TLS is spoken: a client of a simulator on loopback
//! works in an image without any.

use crate::error::{Error, Kind};

/// Whether a client speaks TLS, and whom it trusts.
pub(crate) struct Tls<'a> {
    /// It speaks TLS, to the API or to a proxy.
    pub(crate) needed: bool,
    /// PEM, each with one or more certificates, which are trusted in addition to the
    /// platform's.
    pub(crate) roots: &'a [Vec<u8>],
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn bad_root(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    problem("a root certificate cannot be read").caused_by(cause)
}

/// A text without a certificate, which every parser takes for an empty list.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
fn no_root() -> Error {
    problem("a root certificate is not PEM: it has no `-----BEGIN CERTIFICATE-----`")
}

fn problem(text: &str) -> Error {
    Error::new(Kind::Configuration(text.to_owned()))
}

#[cfg(feature = "rustls")]
impl Tls<'_> {
    pub(crate) fn apply(
        self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, Error> {
        Ok(builder.tls_backend_preconfigured(self.config()?))
    }

    /// ring rather than aws-lc where the program has not chosen: a third of the build time,
    /// see DESIGN.md.
    pub(crate) fn config(self) -> Result<rustls::ClientConfig, Error> {
        use rustls::crypto::CryptoProvider;
        use rustls::{ClientConfig, RootCertStore};
        use rustls_platform_verifier::Verifier;
        use std::sync::Arc;

        let roots = self.certificates()?;
        let provider = CryptoProvider::get_default()
            .cloned()
            .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| problem("TLS cannot be set up").caused_by(error))?;
        let config = if self.needed {
            let verifier = Verifier::new_with_extra_roots(roots, provider)
                .map_err(|error| problem(NO_PLATFORM_ROOTS).caused_by(error))?;
            config
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            // reqwest needs a configuration even where TLS is not spoken.
            config.with_root_certificates(RootCertStore::empty())
        };
        Ok(config.with_no_client_auth())
    }

    fn certificates(&self) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, Error> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject as _;

        let mut certificates = Vec::new();
        for pem in self.roots {
            let before = certificates.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(bad_root)?;
                // Here and not by the platform's verifier, which says it in its own way.
                let mut check = rustls::RootCertStore::empty();
                check.add(certificate.clone()).map_err(bad_root)?;
                certificates.push(certificate);
            }
            if certificates.len() == before {
                return Err(no_root());
            }
        }
        Ok(certificates)
    }
}

#[cfg(feature = "rustls")]
const NO_PLATFORM_ROOTS: &str = "the platform's certificates cannot be used: install them (ca-certificates), or give some \
     by `root_certificate`";

#[cfg(all(feature = "native-tls", not(feature = "rustls")))]
impl Tls<'_> {
    pub(crate) fn apply(
        self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, Error> {
        let mut roots = Vec::new();
        for pem in self.roots {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(bad_root)?;
            if certificates.is_empty() {
                return Err(no_root());
            }
            roots.extend(certificates);
        }
        let builder = if self.needed {
            builder.tls_certs_merge(roots)
        } else {
            builder.tls_certs_only(roots)
        };
        // Something else in the program may have switched on reqwest's rustls.
        Ok(builder.tls_backend_native())
    }
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
impl Tls<'_> {
    pub(crate) fn apply(
        self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, Error> {
        if self.needed || !self.roots.is_empty() {
            return Err(problem(
                "TLS needs a library: switch on the feature `rustls` or `native-tls` of this crate",
            ));
        }
        Ok(builder)
    }
}
