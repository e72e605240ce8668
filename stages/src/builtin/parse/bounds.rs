//! How deep and how large one event may be.
//!
//! The reader skips nested values without a limit of its own, so the bounds are checked on the text:
//! one pass over bytes, without recursion, and only over values that are containers.

/// Levels of arrays and objects inside an event. The event itself is level 0.
pub(super) const MAX_DEPTH: usize = 32;

/// Values inside an event, at all levels together. The event itself does not count.
pub(super) const MAX_NODES: usize = 256;

/// What is left of the bounds while an event is read.
pub(super) struct Budget {
    nodes: usize,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self { nodes: MAX_NODES }
    }

    /// Takes the value of a member off the budget: valid JSON text, without space before it. False
    /// when it is too deep, or when the nodes are used up.
    pub(super) fn spend(&mut self, value: &str) -> bool {
        let nodes = match value.as_bytes() {
            container @ [b'[' | b'{', ..] => count(container),
            _ => Some(1),
        };
        match nodes.and_then(|nodes| self.nodes.checked_sub(nodes)) {
            Some(left) => {
                self.nodes = left;
                true
            }
            None => false,
        }
    }
}

/// Counts the nodes of a valid JSON value: itself, and in each container that is not empty one more
/// than there are commas. `None` when it is too deep.
fn count(json: &[u8]) -> Option<usize> {
    let (mut nodes, mut depth) = (1, 0_usize);
    // A container was opened, and it is not known yet whether it is empty.
    let mut opened = false;
    let mut bytes = json.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                opened = false;
                continue;
            }
            b',' => {
                nodes += 1;
                continue;
            }
            _ => nodes += usize::from(std::mem::take(&mut opened)),
        }
        match byte {
            b'[' | b'{' => {
                depth += 1;
                opened = true;
                if depth > MAX_DEPTH {
                    return None;
                }
            }
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    Some(nodes)
}

/// Goes on to the byte after the closing quote.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Values and levels, counted on the parsed tree.
    fn measure(value: &Value) -> (usize, usize) {
        let inner: Vec<(usize, usize)> = match value {
            Value::Array(items) => items.iter().map(measure).collect(),
            Value::Object(members) => members.values().map(measure).collect(),
            _ => return (1, 0),
        };
        let nodes = inner.iter().map(|(nodes, _)| nodes).sum::<usize>();
        (1 + nodes, 1 + inner.iter().map(|(_, depth)| *depth).max().unwrap_or(0))
    }

    #[test]
    fn values_are_counted_as_in_the_parsed_tree() {
        for text in [
            "1",
            r#""[[,""#,
            "[]",
            "[ ]",
            "[[]]",
            "{}",
            r#"{"a":{}}"#,
            r#"[ 1 , [ ] , {"k" : [ null ]} ]"#,
            r#"{"a\"[,":"]}\\","b":[1,2,{"c":"\\\""}]}"#,
        ] {
            let (nodes, _) = measure(&serde_json::from_str(text).unwrap());
            let mut budget = Budget::new();
            assert!(budget.spend(text));
            assert_eq!(MAX_NODES - budget.nodes, nodes, "{text}");
        }
    }

    #[test]
    fn the_bounds_themselves_still_fit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(measure(&serde_json::from_str(&nested(MAX_DEPTH)).unwrap()).1, MAX_DEPTH);
        assert!(Budget::new().spend(&nested(MAX_DEPTH)));
        assert!(!Budget::new().spend(&nested(MAX_DEPTH + 1)));

        let wide = |nodes: usize| format!("[{}]", vec!["0"; nodes - 1].join(","));
        assert!(Budget::new().spend(&wide(MAX_NODES)));
        assert!(!Budget::new().spend(&wide(MAX_NODES + 1)));

        let mut scalars = Budget::new();
        assert!((0..MAX_NODES).all(|_| scalars.spend("null")));
        assert!(!scalars.spend("null"));
    }
}
