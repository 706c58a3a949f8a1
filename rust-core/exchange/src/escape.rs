//! Escapes text from outside, such as a path or a peer's message, before it is shown: a control character in it could
//! fake a line of output, or control the terminal. The Scala side has the same function.

use std::borrow::Cow;

/// `text` with every character that is not shown as itself written as in a Rust literal: `\n`, `\u{1b}`.
/// Backslashes stay as they are, so this is for people and cannot be read back.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if acts(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Whether the character controls a terminal or an editor: ASCII's and ISO 6429's controls, Unicode's line ends,
/// and the marks that reverse the order of what follows (Unicode Standard Annex 9, section 2).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' ..= '\u{202e}' | '\u{2066}' ..= '\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_escape_alike() {
        let pairs: Vec<(String, String)> =
            serde_json::from_str(include_str!("../../../testdata/escapes.json")).unwrap();
        assert!(pairs.len() > 5);
        for (text, expected) in pairs {
            assert_eq!(escaped(&text), expected);
            assert_eq!(escaped(&expected), expected);
        }
    }
}
