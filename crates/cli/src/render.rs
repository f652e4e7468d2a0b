//! How values look: the forms that `docs/guide.md` fixes. Nothing here knows where values are from.

pub mod billing;
pub mod config;
pub mod release;
pub mod table;
pub mod when;

/// A size in bytes as people read it: `512B`, `1.5kB`, `8.3MB`.
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let bytes_f = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes}B"),
        1_000..1_000_000 => format!("{:.1}kB", bytes_f / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}MB", bytes_f / 1e6),
        _ => format!("{:.1}GB", bytes_f / 1e9),
    }
}

/// Text cut to `width` columns less two and ended with `..`, where it is wider.
pub fn cut(text: &str, width: usize) -> String {
    let one_line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if one_line.chars().count() <= width {
        return one_line;
    }
    let kept: String = one_line.chars().take(width - 2).collect();
    format!("{kept}..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_cuts() {
        let sizes = [
            (0, "0B"),
            (999, "999B"),
            (1_500, "1.5kB"),
            (8_300_000, "8.3MB"),
            (2_000_000_000, "2.0GB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
        for (text, shown) in [("abcdef", "abcdef"), ("abcdefg", "abcd.."), ("a\nb", "a b")] {
            assert_eq!(cut(text, 6), shown);
        }
    }
}
