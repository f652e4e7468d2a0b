//! Finds the line and column of a place in a YAML document. It reads the document again, and is
//! meant for errors only. It must not know what is wrong there.

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// A place in a document: the steps to it, and whether the last key itself is meant, not its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    steps: Vec<Step>,
    key: bool,
}

impl Place {
    /// The value behind these keys.
    pub(super) fn value<const N: usize>(keys: [&str; N]) -> Self {
        let steps = keys.map(|key| Step::Key(key.to_owned())).into();
        Self { steps, key: false }
    }

    /// The last of these keys itself.
    pub(super) fn key<const N: usize>(keys: [&str; N]) -> Self {
        Self {
            key: true,
            ..Self::value(keys)
        }
    }

    /// An item of the list at this place, from 0.
    pub(super) fn item(mut self, index: usize) -> Self {
        self.steps.push(Step::Item(index));
        self
    }
}

/// Line and column of the place, both from 1; `None` where the document has no such place.
pub(super) fn find(text: &str, place: &Place) -> Option<(usize, usize)> {
    let input = serde_yaml::Deserializer::from_str(text);
    let walk = Walk {
        steps: &place.steps,
        key: place.key,
    };
    // The walk stops with an error where it wanted to go; the reader adds the position.
    let error = walk.deserialize(input).err()?;
    let at = error.location()?;
    Some((at.line(), at.column()))
}

const ARRIVED: &str = "arrived";

#[derive(Clone, Copy)]
struct Walk<'a> {
    steps: &'a [Step],
    key: bool,
}

impl<'a> Walk<'a> {
    /// What is left after the first step, if that is the one to take.
    fn past(self, step: &Step) -> Option<Walk<'a>> {
        let (first, steps) = self.steps.split_first()?;
        (first == step).then_some(Walk { steps, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

macro_rules! arrive {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E: Error>(self, _: $type) -> Result<(), E> {
            if self.steps.is_empty() { Err(E::custom(ARRIVED)) } else { Ok(()) }
        })*
    };
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document")
    }

    arrive!(visit_bool: bool, visit_i64: i64, visit_i128: i128, visit_u64: u64, visit_u128: u128,
            visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.visit_bool(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.steps.is_empty() {
            return Err(A::Error::custom(ARRIVED));
        }
        let mut index = 0;
        loop {
            let more = match self.past(&Step::Item(index)) {
                Some(walk) => items.next_element_seed(walk)?,
                None => items.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if more.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if self.steps.is_empty() {
            return Err(A::Error::custom(ARRIVED));
        }
        while let Some(next) = map.next_key_seed(Next(self))? {
            match next {
                Some(walk) => map.next_value_seed(walk)?,
                None => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// Reads a key and answers the walk behind it, if it is the one to take.
struct Next<'a>(Walk<'a>);

impl<'de, 'a> DeserializeSeed<'de> for Next<'a> {
    type Value = Option<Walk<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Next<'a> {
    type Value = Option<Walk<'a>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let walk = self.0.past(&Step::Key(key.to_owned()));
        match walk {
            Some(walk) if walk.key && walk.steps.is_empty() => Err(E::custom(ARRIVED)),
            other => Ok(other),
        }
    }
}
