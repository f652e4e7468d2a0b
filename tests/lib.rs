//! End-to-end stories through the real binary; the tests are in `tests/`.
