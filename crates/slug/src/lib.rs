//! From source to slug: buildpacks, packing and the slug store.
