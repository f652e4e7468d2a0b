//! The processes of this machine: supervisor, router and logs.
