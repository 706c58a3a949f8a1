//! TLS 1.3 by rustls, with a certificate made for the job: the client trusts that certificate and no
//! authority, so it is sent the way the secret is sent. TLS encrypts the weights and protects them
//! from changes; who may attach is still decided by the secret.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The name in the certificate. It names the job, not a host.
const NAME: &str = "exchanger.firesteel";

/// A certificate and its key. The key stays in the process that made it.
pub struct TlsIdentity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

/// What a client needs to know the server by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsTrust {
    /// X.509 in DER.
    certificate: Vec<u8>,
}

impl TlsIdentity {
    /// A self-signed certificate for this job.
    pub fn generate() -> Result<Self> {
        let made = generate_simple_self_signed([NAME.to_owned()]);
        let CertifiedKey { cert, signing_key } = made.map_err(|e| tls_error("make a certificate", &e))?;
        Ok(Self { certificate: cert.der().clone(), key: PrivatePkcs8KeyDer::from(signing_key.serialize_der()) })
    }

    /// What clients need.
    pub fn trust(&self) -> TlsTrust {
        TlsTrust { certificate: self.certificate.to_vec() }
    }

    /// For [`rustls::ServerConnection`].
    pub fn server_config(&self) -> Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key));
        Ok(Arc::new(config.map_err(|e| tls_error("use the job's certificate", &e))?))
    }
}

impl TlsTrust {
    /// For [`rustls::ClientConnection`].
    pub fn client_config(&self) -> Result<(Arc<ClientConfig>, ServerName<'static>)> {
        let mut roots = RootCertStore::empty();
        let trusted = roots.add(CertificateDer::from(self.certificate.clone()));
        trusted.map_err(|e| tls_error("trust the job's certificate", &e))?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| tls_error("speak TLS 1.3", &e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(NAME).map_err(|e| tls_error(NAME, &e))?;
        Ok((Arc::new(config), name))
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls_error(what: &str, cause: &dyn std::error::Error) -> Error {
    Error::Config(format!("TLS: {what}: {cause}"))
}
