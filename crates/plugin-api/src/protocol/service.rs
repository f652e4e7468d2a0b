//! The services that a plugin may ask for while it is called. Slugline performs each, after it has
//! looked whether the plugin was granted it. It must not know how.

use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// What a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "service", content = "question")]
pub enum Question {
    /// A line for the operator. Always granted; answered by [`Answer::Done`].
    #[serde(rename = "log")]
    Log(String),
    /// A free port for the resource of this id. Granted in a provision and in a change of plan;
    /// answered by [`Answer::Port`].
    #[serde(rename = "port")]
    Port(String),
    /// With `permissions.http`; answered by [`Answer::Http`].
    #[serde(rename = "http.request")]
    Http(HttpRequest),
    /// With `permissions.smtp`; answered by [`Answer::Done`].
    #[serde(rename = "smtp.send")]
    Mail(Mail),
    /// With `permissions.store`: the value of a key; answered by [`Answer::Value`].
    #[serde(rename = "store.get")]
    Get(String),
    /// With `permissions.store`: a value to keep; answered by [`Answer::Done`].
    #[serde(rename = "store.set")]
    Set(Pair),
    /// With `permissions.store`: a key to forget; answered by [`Answer::Done`], also where there
    /// is none.
    #[serde(rename = "store.delete")]
    Delete(String),
    /// With `permissions.store`: the keys that begin so; answered by [`Answer::Keys`].
    #[serde(rename = "store.list")]
    List(String),
    /// With `permissions.folder`, in a provision and in a change of plan: the private folder of
    /// the resource of this id, which is made where it is not there yet; answered by
    /// [`Answer::Folder`].
    #[serde(rename = "folder")]
    Folder(String),
    /// Granted like [`Question::Folder`]: the text of a file in that folder; answered by
    /// [`Answer::Value`].
    #[serde(rename = "folder.read")]
    Read(FileName),
    /// Granted like [`Question::Folder`]: a file to write into that folder, for its owner alone;
    /// answered by [`Answer::Done`].
    #[serde(rename = "folder.write")]
    Write(FileText),
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The port.
    Port(u16),
    /// What the server answered.
    Http(HttpAnswer),
    /// The value; none where the key is not there.
    Value(Option<String>),
    /// The keys, sorted.
    Keys(Vec<String>),
    /// The folder: an absolute path.
    Folder(String),
    /// It was not granted, or did not work: one line.
    Refused(String),
}

/// A request by HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// `GET` and so on.
    pub method: String,
    /// Begins with `http://` or `https://`.
    pub url: String,
    /// Names and values.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// At most 1 MB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// What a server answered, whatever the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// At most 1 MB.
    pub body: Body,
}

/// A mail to send through the operator's server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// An address, or several with commas between them.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
}

/// A value to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Its key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// A file in the folder of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileName {
    /// The resource.
    pub id: String,
    /// 1 to 100 letters, digits, `-`, `_` and `.`, the first no `.`.
    pub name: String,
}

/// A file to write into the folder of a resource. It may hold a password, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileText {
    /// The resource.
    pub id: String,
    /// As in [`FileName`].
    pub name: String,
    /// All of it; at most 64 KB.
    pub text: String,
}

impl std::fmt::Debug for FileText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileText({})", self.name)
    }
}

/// Bytes: a text where they are UTF-8, and otherwise `{"hex": "…"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { hex: String },
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return output.serialize_str(text);
        }
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        let bytes = self.0.iter();
        let hex = bytes.flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        let hex = hex.collect();
        Written::Bytes { hex }.serialize(output)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let hex = match Written::deserialize(input)? {
            Written::Text(text) => return Ok(Self(text.into_bytes())),
            Written::Bytes { hex } => hex,
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let byte = |pair: &[u8]| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
        let bytes = bytes.ok_or_else(|| D::Error::custom("hex has pairs of digits"))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        let check = |bytes: &[u8], expected: &str| {
            let json = serde_json::to_string(&Body(bytes.to_vec())).unwrap();
            assert_eq!(json, expected);
            assert_eq!(serde_json::from_str::<Body>(&json).unwrap().0, bytes);
        };
        check(b"", r#""""#);
        check("gr\u{fc}n\n".as_bytes(), "\"gr\u{fc}n\\n\"");
        check(&[0xff, 0x00, 0x1a], r#"{"hex":"ff001a"}"#);
        for bad in [r#"{"hex":"f"}"#, r#"{"hex":"zz"}"#, "5"] {
            assert!(serde_json::from_str::<Body>(bad).is_err(), "{bad}");
        }
    }
}
