//! Goes through a YAML document and looks only at its keys: each once, and each known. The YAML
//! reader itself lets a later key replace an earlier one in silence. It must not know what a
//! manifest is; the keys come as a [`Shape`].

use std::collections::BTreeSet;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use slugline_core::suggest::nearest;
use slugline_plugin_api::shape::Shape;

/// Looks at the keys of one place and of all below it.
#[derive(Clone, Copy)]
pub(super) struct Keys(Shape);

impl Keys {
    pub(super) fn new(shape: Shape) -> Self {
        Self(shape)
    }
}

/// Goes through a whole document.
pub(super) fn check(keys: Keys, text: &str) -> Result<(), serde_yaml::Error> {
    keys.deserialize(serde_yaml::Deserializer::from_str(text))
}

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

macro_rules! ignore {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<(), E> { Ok(()) })*
    };
}

impl<'de> Visitor<'de> for Keys {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document")
    }

    ignore!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
            visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Keys(Shape::Value))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(behind) = map.next_key_seed(Key {
            place: &self.0,
            seen: &mut seen,
        })? {
            map.next_value_seed(Keys(behind))?;
        }
        Ok(())
    }
}

/// Reads one key and answers what stands behind it. Its errors carry the key's own position.
struct Key<'a> {
    place: &'a Shape,
    seen: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Shape;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Shape, D::Error> {
        input.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Shape, E> {
        let shown: String = key.chars().take(60).collect();
        let Some(behind) = self.place.behind(key) else {
            return Err(E::custom(unknown(&shown, &self.place.keys())));
        };
        if self.seen.insert(key.to_owned()) {
            Ok(behind)
        } else {
            Err(E::custom(format!("the key {shown} is there twice")))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("a key is a text"))
    }
}

fn unknown(key: &str, known: &[&str]) -> String {
    match nearest(key, known.iter().copied()) {
        Some(meant) => format!("unknown key {key}; did you mean {meant}?"),
        None => format!("unknown key {key}; known here: {}", known.join(", ")),
    }
}
