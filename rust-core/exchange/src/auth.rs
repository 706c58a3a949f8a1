//! Who may attach: both sides show that they know the job's secret, and neither sends it. The server
//! sends a nonce, the client answers with its own and HMAC-SHA256 over both and its identity, and the
//! server proves itself in turn. A recorded handshake cannot be replayed, because its nonce is used once.

use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::message::{Identity, encode};
use crate::{Error, Refusal, Result};

/// A number that is used once.
pub type Nonce = [u8; 32];

/// The secret of one job. Never printed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Secret([u8; 32]);

impl Secret {
    /// 32 random bytes of the operating system.
    pub fn random() -> Result<Self> {
        Ok(Self(nonce()?))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// As 64 hexadecimal digits, for a file or a task's closure.
impl From<Secret> for String {
    fn from(secret: Secret) -> Self {
        secret.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl TryFrom<String> for Secret {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let wrong = || Error::Config("a secret is 64 hexadecimal digits".to_owned());
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

/// A fresh nonce.
pub fn nonce() -> Result<Nonce> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| Error::Config(format!("random numbers of the operating system: {e}")))?;
    Ok(bytes)
}

/// The values that both proofs of one connection's handshake are computed over.
pub struct Handshake<'a> {
    pub secret: &'a Secret,
    /// The server's nonce, from its challenge.
    pub server: Nonce,
    /// The client's own nonce.
    pub client: Nonce,
    /// What the client attaches as.
    pub identity: &'a Identity,
}

impl Handshake<'_> {
    /// The proof that the client sends.
    pub fn client_proof(&self) -> Result<[u8; 32]> {
        Ok(self.mac(b"firesteel client")?.finalize().into_bytes().into())
    }

    /// The proof that the server sends.
    pub fn server_proof(&self) -> Result<[u8; 32]> {
        Ok(self.mac(b"firesteel server")?.finalize().into_bytes().into())
    }

    /// Compares in constant time.
    pub fn check_client(&self, proof: &[u8; 32]) -> Result<()> {
        let checked = self.mac(b"firesteel client")?.verify_slice(proof);
        checked.map_err(|_| Error::refused(Refusal::Denied, "the secret of this job is another"))
    }

    /// Compares in constant time.
    pub fn check_server(&self, proof: &[u8; 32]) -> Result<()> {
        let checked = self.mac(b"firesteel server")?.verify_slice(proof);
        checked.map_err(|_| Error::refused(Refusal::Denied, "the server does not know the secret of this job"))
    }

    fn mac(&self, side: &[u8]) -> Result<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.secret.0).map_err(|e| Error::Config(e.to_string()))?;
        Ok(mac
            .chain_update(side)
            .chain_update(self.server)
            .chain_update(self.client)
            .chain_update(encode(self.identity)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Channel, Role};

    fn identity(attempt: u64) -> Identity {
        Identity { role: Role::Worker { worker: 0, attempt }, channel: Channel::Control, digest: String::new() }
    }

    #[test]
    fn a_proof_holds_for_its_secret_nonces_identity_and_side_only() {
        let (secret, other) = (Secret([1; 32]), Secret([2; 32]));
        let (mine, newer) = (identity(1), identity(2));
        let handshake = Handshake { secret: &secret, server: [3; 32], client: [4; 32], identity: &mine };
        let proof = handshake.client_proof().unwrap();
        assert_eq!(handshake.check_client(&proof), Ok(()));
        assert!(handshake.check_server(&proof).is_err());
        for wrong in [
            Handshake { secret: &other, ..handshake },
            Handshake { server: [5; 32], ..handshake },
            Handshake { client: [5; 32], ..handshake },
            Handshake { identity: &newer, ..handshake },
        ] {
            assert!(wrong.check_client(&proof).is_err());
        }
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_printed() {
        let secret = Secret::random().unwrap();
        let text = String::from(secret.clone());
        assert_eq!(Secret::try_from(format!("{text}\n")).unwrap().0, secret.0);
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(Secret::try_from("12".repeat(31)).is_err());
        assert!(Secret::try_from("zz".repeat(32)).is_err());
    }
}
