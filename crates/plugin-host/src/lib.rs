//! Finds, limits and calls Slugline's plugins.
