//! `certs` and its verbs: the certificates with which the router speaks TLS.

pub mod add;
pub mod list;
pub mod remove;
pub mod show;

use slugline_runtime::CertificateError;

use crate::error::CommandError;

/// Why a certificate was not taken, with what lies behind it.
fn refused(error: &CertificateError) -> CommandError {
    CommandError::because(error)
}
