//! Config vars as people and shells read them.

/// `KEY => value` lines, the keys padded to the longest, in the order given.
pub fn arrows(vars: &[(String, String)]) -> Vec<String> {
    let width = vars.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    vars.iter()
        .map(|(key, value)| format!("{key:width$} => {value}"))
        .collect()
}

/// `KEY='value'`, which a POSIX shell reads back exactly.
pub fn shell(key: &str, value: &str) -> String {
    format!("{key}='{}'", value.replace('\'', r"'\''"))
}

/// A value of 36 characters and more cut to its first and last 16.
pub fn short(value: &str) -> String {
    let characters: Vec<char> = value.chars().collect();
    if characters.len() < 36 {
        return value.to_owned();
    }
    let text = |part: &[char]| part.iter().collect::<String>();
    format!(
        "{}...{}",
        text(&characters[..16]),
        text(&characters[characters.len() - 16..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_in_the_middle() {
        assert_eq!(short(&"x".repeat(35)), "x".repeat(35));
        let long = format!("{}{}{}", "a".repeat(16), "b".repeat(4), "c".repeat(16));
        assert_eq!(
            short(&long),
            format!("{}...{}", "a".repeat(16), "c".repeat(16))
        );
    }

    #[test]
    fn a_shell_reads_every_value_back() {
        for value in [
            "",
            "a b",
            "it's",
            "$HOME `x` \\",
            "two\nlines",
            "日本",
            "'",
            "-n",
        ] {
            let script = format!("{}; printf %s \"$K\"", shell("K", value));
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }
}
