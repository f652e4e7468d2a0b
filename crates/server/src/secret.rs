//! What a token's secret looks like. It must not be kept: only its digest is.

use sha2::{Digest as _, Sha256};
use slugline_core::port::SecretDigest;

/// What each secret begins with.
pub(crate) const TOKEN: &str = "slg_";

/// A secret of these random bytes: what scanners for leaked secrets can tell from other text.
#[must_use]
pub fn secret(random: &[u8; 32]) -> String {
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{TOKEN}{hex}")
}

/// What is kept of a secret. It holds 256 random bits: nobody finds it by trying.
#[must_use]
pub fn digest(secret: &str) -> SecretDigest {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_that_is_nearly_right_nothing_is_right() {
        let right = secret(&[7; 32]);
        for end in ["8", "6", "", "77"] {
            let nearly = format!("{}{end}", &right[..right.len() - 1]);
            let (right, nearly) = (digest(&right), digest(&nearly));
            // What is compared says nothing of how much of it was guessed.
            let same = right.iter().zip(nearly).take_while(|(a, b)| *a == b);
            assert!(same.count() < 3);
        }
    }
}
