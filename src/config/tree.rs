//! A tree of values from which bad ones are cut, one after the other, until the rest can be used.
//!
//! Cutting list items moves those behind them; the tree remembers where they stood in the file.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Path;

/// Values, some of which were cut out.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    value: Value,
    /// Original positions of the items that remain, for every list that lost one.
    positions: BTreeMap<Path, Vec<usize>>,
    /// Everything that was cut, by its place in the file.
    cut: Vec<Path>,
}

impl Tree {
    pub(super) fn new(value: Value) -> Self {
        Self { value, positions: BTreeMap::new(), cut: Vec::new() }
    }

    pub(super) const fn value(&self) -> &Value {
        &self.value
    }

    pub(super) fn into_value(self) -> Value {
        self.value
    }

    /// Whether something was cut at a place of the file, or around it.
    pub(super) fn lost(&self, path: &[String]) -> bool {
        self.cut.iter().any(|cut| path.starts_with(cut))
    }

    /// Whether a complaint about a place may come from something that was cut: from inside it, or
    /// from a setting that the complaint names.
    pub(super) fn explains(&self, path: &[String], complaint: &str) -> bool {
        let named = |cut: &Path| cut.last().is_some_and(|key| complaint.contains(key.as_str()));
        self.cut.iter().any(|cut| cut.starts_with(path) || named(cut))
    }

    /// Whether something stands at a place of the file.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.get(path).is_some()
    }

    /// What stands at a place of the file.
    pub(super) fn get(&self, path: &[String]) -> Option<&Value> {
        let mut value = &self.value;
        for part in self.current(path)? {
            value = match value {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                value => value.get(&part)?,
            };
        }
        Some(value)
    }

    /// A path in this tree as it was in the file.
    pub(super) fn original(&self, path: &[String]) -> Path {
        let mut original: Path = Vec::with_capacity(path.len());
        for part in path {
            let position = self.positions.get(&original).zip(part.parse::<usize>().ok());
            let shifted = position.and_then(|(kept, index)| kept.get(index));
            original.push(shifted.map_or_else(|| part.clone(), usize::to_string));
        }
        original
    }

    /// A path of the file as it is in this tree; `None` when something on it was cut.
    fn current(&self, path: &[String]) -> Option<Path> {
        let step = |(depth, part): (usize, &String)| match self.positions.get(&path[..depth]) {
            Some(kept) => {
                let position = part.parse::<usize>().ok()?;
                Some(kept.iter().position(|original| *original == position)?.to_string())
            }
            None => Some(part.clone()),
        };
        path.iter().enumerate().map(step).collect()
    }

    /// Cuts what stands at a path of the file. False when nothing stands there.
    pub(super) fn cut(&mut self, path: &[String]) -> bool {
        let Some(current) = self.current(path) else { return false };
        let Some((last, parents)) = current.split_last() else { return false };
        let parent = parents.iter().try_fold(&mut self.value, |node, part| child(node, part));
        let gone = match parent {
            Some(Value::Object(map)) => map.remove(last).is_some(),
            Some(Value::Array(list)) => match last.parse().ok().filter(|at| *at < list.len()) {
                Some(index) => {
                    let kept = self.positions.entry(path[..parents.len()].to_vec());
                    kept.or_insert_with(|| (0..list.len()).collect()).remove(index);
                    list.remove(index);
                    true
                }
                None => false,
            },
            _ => false,
        };
        if gone {
            self.cut.push(path.to_vec());
        }
        gone
    }

    /// Writes a value at a path of the file, making the sections on the way.
    pub(super) fn put(&mut self, path: &[String], value: Value) {
        if let Some(current) = self.current(path) {
            put(&mut self.value, &current, value);
        }
    }

    /// Puts other values in place of all, with the same lists.
    pub(super) fn replace(&mut self, value: Value) {
        self.value = value;
    }

    /// Deserialises, cutting every value that does not fit and reporting its place in the file. A
    /// place that cannot be cut ends it.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        mut report: impl FnMut(&Self, Path, String),
    ) -> Option<T> {
        loop {
            let error = match serde_path_to_error::deserialize::<_, T>(self.value.clone()) {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            let path = self.original(&parts(error.path()));
            report(self, path.clone(), error.inner().to_string());
            if !self.cut(&path) {
                return None;
            }
        }
    }
}

fn child<'v>(node: &'v mut Value, part: &str) -> Option<&'v mut Value> {
    match node {
        Value::Object(map) => map.get_mut(part),
        Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    }
}

fn parts(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect()
}

fn put(root: &mut Value, path: &[String], value: Value) {
    let Some((part, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    if root.is_array() {
        if let Some(item) = child(root, part) {
            put(item, rest, value);
        }
        return;
    }
    if !root.is_object() {
        *root = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(map) = root {
        put(map.entry(part.clone()).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> Path {
        text.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn places_are_those_of_the_file_after_any_cut() {
        let mut tree = Tree::new(json!({"a": [0, 1, 2, {"b": [5, 6]}], "c": 1}));
        assert!(tree.cut(&path("a.1")));
        assert!(!tree.cut(&path("a.1")), "already gone");
        assert!(tree.cut(&path("a.0")));
        assert!(tree.cut(&path("a.3.b.0")));
        assert!(!tree.cut(&path("a.9")));
        assert_eq!(tree.value(), &json!({"a": [2, {"b": [6]}], "c": 1}));
        assert_eq!(tree.original(&path("a.0")), path("a.2"));
        assert_eq!(tree.original(&path("a.1.b.0")), path("a.3.b.1"));
        assert!(tree.lost(&path("a.1")) && !tree.lost(&path("a.2")));
    }

    #[test]
    fn every_misfit_is_reported_once() {
        let mut tree = Tree::new(json!({"a": [1, "x", 2, "y"], "b": [-1]}));
        let mut seen = Vec::new();
        type Lists = std::collections::BTreeMap<String, Vec<u8>>;
        let read: Lists = tree.read(|_, path, _| seen.push(path.join("."))).unwrap();
        assert_eq!(seen, ["a.1", "a.3", "b.0"]);
        assert_eq!(read["a"], [1, 2]);
        assert!(read["b"].is_empty());
    }

    #[test]
    fn values_are_put_where_they_belong() {
        for (before, at, after) in [
            (json!({}), "a.b", json!({"a": {"b": 7}})),
            (json!({"a": {"c": 1}}), "a.b", json!({"a": {"b": 7, "c": 1}})),
            (json!({"a": [{"with": null}]}), "a.0.with.k", json!({"a": [{"with": {"k": 7}}]})),
            (json!({"a": [1]}), "a.5", json!({"a": [1]})),
        ] {
            let mut root = before;
            put(&mut root, &path(at), json!(7));
            assert_eq!(root, after, "{at}");
        }
    }
}
