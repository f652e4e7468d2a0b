//! Read-only views of an app.
