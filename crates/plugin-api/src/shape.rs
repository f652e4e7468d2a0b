//! Which keys a document may have, and where: data that a host checks before it reads the types,
//! so that it can say which key is wrong and what was meant. It must not know YAML.

/// What may stand at one place of a document.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Anything without keys of its own: a text, a number, a list.
    Value,
    /// A map whose keys are names that the author chooses.
    Map(&'static Shape),
    /// A map with exactly these keys; whether one is required is the type's business.
    Fields(&'static [(&'static str, Shape)]),
}

impl Shape {
    /// What stands behind `key` here; `None` where the key is unknown.
    #[must_use]
    pub fn behind(&self, key: &str) -> Option<Shape> {
        match self {
            Self::Value => Some(Self::Value),
            Self::Map(each) => Some(**each),
            Self::Fields(fields) => fields
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, shape)| *shape),
        }
    }

    /// The keys that are known here; none where the author chooses them.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::Fields(fields) => fields.iter().map(|(name, _)| *name).collect(),
            Self::Value | Self::Map(_) => Vec::new(),
        }
    }
}
