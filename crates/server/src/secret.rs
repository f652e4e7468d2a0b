//! What a token's secret looks like. It must not be kept: only its digest is.

use sha2::{Digest as _, Sha256};
use slugline_core::port::SecretDigest;

/// A secret of these random bytes: what scanners for leaked secrets can tell from other text.
#[must_use]
pub fn secret(random: &[u8; 32]) -> String {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("slg_{hex}")
}

/// What is kept of a secret. It holds 256 random bits: nobody finds it by trying.
#[must_use]
pub fn digest(secret: &str) -> SecretDigest {
    Sha256::digest(secret.as_bytes()).into()
}
