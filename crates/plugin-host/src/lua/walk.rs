//! Turns a Lua value into JSON within a budget. A table that is reached by many ways costs each
//! time, so that neither shared tables nor repeated texts can make a small value large on our
//! side. It must not know what the value means.

use mlua::{Table, Value};
use serde_json::{Map, Number, Value as Json};

use crate::limits::Limits;

/// What each value costs at least, in bytes.
const NODE: usize = 8;

/// Why a value cannot be used, and where it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    path: Vec<String>,
    what: String,
}

impl Unfit {
    fn new(what: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            what: what.into(),
        }
    }

    fn within(mut self, step: String) -> Self {
        self.path.push(step);
        self
    }
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps = self.path.iter().rev().take(8);
        let mut shown = String::new();
        for step in steps {
            let dot = if shown.is_empty() || step.starts_with('[') {
                ""
            } else {
                "."
            };
            shown.push_str(dot);
            shown.extend(step.chars().filter(|c| !c.is_control()).take(40));
        }
        let subject = if shown.is_empty() {
            "the value"
        } else {
            &shown
        };
        write!(f, "{subject} {}", self.what)
    }
}

/// The value as JSON. An empty table is an empty object, unless it was marked as a list.
///
/// # Errors
/// [`Unfit`]: too large, too deep, or with something in it that JSON has no word for.
pub(super) fn to_json(value: &Value, limits: &Limits, list: Option<&Table>) -> Result<Json, Unfit> {
    let mut walk = Walk {
        left: limits.reply,
        most: limits.reply,
        depth: limits.depth,
        list,
    };
    walk.value(value, 0)
}

struct Walk<'a> {
    left: usize,
    most: usize,
    depth: usize,
    /// The metatable that marks an empty table as a list.
    list: Option<&'a Table>,
}

impl Walk<'_> {
    fn pay(&mut self, bytes: usize) -> Result<(), Unfit> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Unfit::new(format!(
                "makes it larger than {} bytes",
                self.most
            ))),
        }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<Json, Unfit> {
        self.pay(NODE)?;
        match value {
            Value::Nil => Ok(Json::Null),
            Value::Boolean(yes) => Ok(Json::Bool(*yes)),
            Value::Integer(number) => Ok(Json::Number((*number).into())),
            Value::Number(number) => Number::from_f64(*number)
                .map(Json::Number)
                .ok_or_else(|| Unfit::new("must be a finite number")),
            Value::String(text) => {
                self.pay(text.as_bytes().len())?;
                let text = text
                    .to_str()
                    .map_err(|_| Unfit::new("must be UTF-8 text"))?;
                Ok(Json::String(text.to_owned()))
            }
            Value::Table(_) if depth >= self.depth => {
                Err(Unfit::new(format!("is nested deeper than {}", self.depth)))
            }
            Value::Table(table) => self.table(table, depth),
            Value::LightUserData(light) if light.0.is_null() => Ok(Json::Null),
            other => Err(Unfit::new(format!("cannot be a {}", other.type_name()))),
        }
    }

    fn table(&mut self, table: &Table, depth: usize) -> Result<Json, Unfit> {
        let (mut named, mut listed) = (Map::new(), Vec::new());
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|_| Unfit::new("cannot be read"))?;
            match key {
                Value::String(key) => {
                    self.pay(key.as_bytes().len())?;
                    let key = key.to_string_lossy();
                    let inner = self.value(&value, depth + 1);
                    let inner = inner.map_err(|unfit| unfit.within(key.clone()))?;
                    named.insert(key, inner);
                }
                Value::Integer(index) if index >= 1 => {
                    let inner = self.value(&value, depth + 1);
                    let inner = inner.map_err(|unfit| unfit.within(format!("[{index}]")))?;
                    listed.push((index, inner));
                }
                _ => return Err(Unfit::new("has a key that is neither text nor position")),
            }
        }
        if !listed.is_empty() && !named.is_empty() {
            return Err(Unfit::new("mixes a list and names"));
        }
        if listed.is_empty() {
            let marked =
                named.is_empty() && self.list.is_some() && self.list == table.metatable().as_ref();
            return Ok(if marked {
                Json::Array(Vec::new())
            } else {
                Json::Object(named)
            });
        }
        listed.sort_by_key(|(index, _)| *index);
        let whole = listed
            .iter()
            .zip(1..)
            .all(|((index, _), place)| *index == place);
        if !whole {
            return Err(Unfit::new("is a list with holes"));
        }
        Ok(Json::Array(
            listed.into_iter().map(|(_, item)| item).collect(),
        ))
    }
}
