//! The layers of a configuration, merged: what the file says, then the environment, then flags.
//!
//! figment merges sections. It would replace a list whole, so a value for one stage of a list is put
//! into the file's own list before.

use figment::Figment;
use figment::providers::Serialized;
use serde_json::Value;

use super::environment::Assignment;
use super::tree::Tree;

/// Lays assignments over the file, later ones over earlier ones.
pub(super) fn lay(file: &mut Tree, assignments: &[&Assignment]) -> Result<(), Box<figment::Error>> {
    let (items, settings): (Vec<&Assignment>, Vec<&Assignment>) =
        assignments.iter().partition(|assignment| is_list_item(file.value(), assignment));
    for assignment in items {
        file.put(&assignment.path, assignment.value.clone());
    }
    let mut layers = Figment::from(Serialized::defaults(file.value()));
    for assignment in settings {
        layers = layers.merge(Serialized::default(&assignment.path.join("."), &assignment.value));
    }
    file.replace(layers.extract().map_err(Box::new)?);
    Ok(())
}

fn is_list_item(file: &Value, assignment: &Assignment) -> bool {
    assignment.path.split_first().is_some_and(|(section, rest)| {
        !rest.is_empty() && file.get(section).is_some_and(Value::is_array)
    })
}
