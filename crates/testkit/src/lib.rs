//! Development only: the ledger contract, the in-memory ledger and a hermetic environment.
