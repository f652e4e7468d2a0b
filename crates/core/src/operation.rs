//! The operations: one file a verb, each from a request to a plan.
