//! JSON text as a flat sequence of tokens, without recursion and without allocation.
//!
//! The text has been accepted by a parser before, so this only has to tell where values begin and
//! end. Text that is not JSON gives meaningless tokens, but never a panic or an endless loop.

/// One token. Commas, colons and white space are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'e> {
    /// `{` or `[`; true for an object.
    Open(bool),
    /// `}` or `]`.
    Close,
    /// A string with its quotes, as written: a key or a value.
    Quoted(&'e str),
    /// A number, as written.
    Number(&'e str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// The tokens of a JSON text.
pub(super) struct Tokens<'e> {
    text: &'e str,
    at: usize,
}

impl<'e> Tokens<'e> {
    pub(super) fn of(text: &'e str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the token after the last one may begin, in bytes.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn quoted_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => return at + 1,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        bytes.len()
    }

    fn literal_end(&self, start: usize) -> usize {
        let rest = self.text.as_bytes().iter().skip(start + 1);
        let delimits =
            |b: &&u8| matches!(b, b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"' | ..=b' ');
        start + 1 + rest.take_while(|byte| !delimits(byte)).count()
    }
}

impl<'e> Iterator for Tokens<'e> {
    type Item = Token<'e>;

    fn next(&mut self) -> Option<Token<'e>> {
        let bytes = self.text.as_bytes();
        while let Some(b',' | b':' | ..=b' ') = bytes.get(self.at) {
            self.at += 1;
        }
        let start = self.at;
        let first = *bytes.get(start)?;
        self.at = match first {
            b'{' | b'[' | b'}' | b']' => start + 1,
            b'"' => self.quoted_end(start),
            _ => self.literal_end(start),
        };
        let text = self.text.get(start..self.at).unwrap_or_default();
        Some(match first {
            b'{' => Token::Open(true),
            b'[' => Token::Open(false),
            b'}' | b']' => Token::Close,
            b'"' => Token::Quoted(text),
            b't' | b'f' => Token::Bool(first == b't'),
            b'n' => Token::Null,
            _ => Token::Number(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_values_in_order() {
        let text = r#" { "a\"b" : [ 1.5e3 , true,null ],"é":{} } "#;
        let tokens: Vec<_> = Tokens::of(text).collect();
        let want = [
            Token::Open(true),
            Token::Quoted(r#""a\"b""#),
            Token::Open(false),
            Token::Number("1.5e3"),
            Token::Bool(true),
            Token::Null,
            Token::Close,
            Token::Quoted("\"é\""),
            Token::Open(true),
            Token::Close,
            Token::Close,
        ];
        assert_eq!(tokens, want);
    }

    #[test]
    fn text_that_is_not_json_ends_too() {
        for text in ["\"", "\"\\", "{[", "é\"", "-", "\u{1f600}1"] {
            assert!(Tokens::of(text).count() <= text.len());
        }
    }
}
