//! What clients of 2012 send, and the XML that they read. It must not know what it is about.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

/// The value of a field of a form, or of a query.
pub(crate) fn field(form: &[u8], name: &str) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    let found = fields.find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
}

/// The fields that are called `name[KEY]`.
pub(crate) fn fields(form: &[u8], name: &str) -> Vec<(String, String)> {
    let of = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let key = key
            .strip_prefix(name)?
            .strip_prefix('[')?
            .strip_suffix(']')?;
        Some((key.to_owned(), value.into_owned()))
    };
    form_urlencoded::parse(form).filter_map(of).collect()
}

/// An element with a text.
pub(crate) fn element(name: &str, text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // XML has no way to write these.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                safe.push(char::REPLACEMENT_CHARACTER);
            }
            other => safe.push(other),
        }
    }
    format!("<{name}>{safe}</{name}>")
}

/// An answer in XML.
pub(crate) struct Xml(pub(crate) String);

impl IntoResponse for Xml {
    fn into_response(self) -> Response {
        let kind = (CONTENT_TYPE, "application/xml; charset=utf-8");
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        ([kind], format!("{head}{}\n", self.0)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_texts_are_safe() {
        let form = b"app%5Bname%5D=shop&confirm=&config[a]=1&config[b]=x+y&x=%26";
        assert_eq!(field(form, "app[name]").as_deref(), Some("shop"));
        assert_eq!(field(form, "confirm"), None);
        assert_eq!(field(form, "x").as_deref(), Some("&"));
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(fields(form, "config"), [pair("a", "1"), pair("b", "x y")]);
        assert_eq!(element("name", "<&>"), "<name>&lt;&amp;&gt;</name>");
        // An answer that holds these is read by no client.
        assert_eq!(
            element("name", "a\0\u{1b}\n"),
            "<name>a\u{fffd}\u{fffd}\n</name>"
        );
    }
}
