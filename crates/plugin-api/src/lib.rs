//! What the authors of Slugline plugins see.
