//! Whether a list of stages can work: names, places, order. Everything that is wrong is found, and
//! each cause is reported once: at the stage that has to move, not at those that suffer from it.

use std::collections::BTreeSet;

use super::{IfDown, StageSpec, Step};
use crate::context::Services;
use crate::registry::{LoadError, Registered, Registry};
use crate::stage::{Form, Needs, Side};

/// The form in which a list gets its events.
const fn first_form(side: Side) -> Form {
    match side {
        Side::Ingest => Form::Body,
        Side::Worker => Form::Clean,
    }
}

/// The form to which a list must bring its events.
const fn last_form(side: Side) -> Form {
    match side {
        Side::Ingest => Form::Queued,
        Side::Worker => Form::Aggregated,
    }
}

/// The next form on the way of a side.
const fn next_form(form: Form, side: Side) -> Form {
    match (form, side) {
        (Form::Body, _) => Form::Parsed,
        (Form::Parsed, _) => Form::Scanned,
        (Form::Scanned, _) => Form::Clean,
        (Form::Clean, Side::Ingest) => Form::Queued,
        (Form::Clean, Side::Worker) => Form::Persisted,
        (_, _) => Form::Aggregated,
    }
}

/// A stage that stands too early. It counts from where it should stand.
struct Early {
    wanted: Form,
    gives: Option<Form>,
}

/// A check of one list, from its first stage to its last.
pub(super) struct Check<'a> {
    registry: &'a Registry,
    side: Side,
    specs: &'a [StageSpec],
    /// How far the stages up to here bring the events.
    form: Form,
    early: Vec<Early>,
    /// Forms that no stage gives, which was reported where the first stage needed them.
    reported: BTreeSet<Form>,
    /// Whether a stage so far is unknown, and may be any.
    doubtful: bool,
    pub(super) errors: Vec<LoadError>,
}

impl<'a> Check<'a> {
    pub(super) fn new(registry: &'a Registry, side: Side, specs: &'a [StageSpec]) -> Self {
        Self {
            registry,
            side,
            specs,
            form: first_form(side),
            early: Vec::new(),
            reported: BTreeSet::new(),
            doubtful: false,
            errors: Vec::new(),
        }
    }

    /// Checks the next stage, and builds it.
    pub(super) fn step(&mut self, index: usize, services: &Services) -> Option<Step> {
        let (registry, spec) = (self.registry, &self.specs[index]);
        let Some(registered) = registry.get(&spec.stage) else {
            let names: Vec<&str> = registry.stages().iter().map(|stage| stage.name).collect();
            let help = format!("the stages are: {}", names.join(", "));
            let message = "there is no stage of this name".to_owned();
            self.error(index, &["stage"], "unknown_stage", message, help);
            self.doubtful = true;
            return None;
        };
        // A stage of the other list says nothing about the order of this one, and a stage that is
        // there already nothing new.
        let counts = self.check_place(index, registered);
        let services = match spec.if_down {
            IfDown::Local => &services.or_local(),
            IfDown::Fail | IfDown::Skip => services,
        };
        match registered.build(spec.with.clone(), services) {
            Ok(built) => {
                if counts && self.check_form(index, registered, built.needs) {
                    self.advance(registered.gives);
                }
                Some(Step::new(spec, built.stage))
            }
            Err(error) => {
                let mut path = vec!["with"];
                path.extend(error.path.iter().map(String::as_str));
                self.error(index, &path, "invalid_setting", error.message, None);
                // As if it had been built, so that one mistake is reported once.
                if counts {
                    self.advance(registered.gives);
                }
                None
            }
        }
    }

    /// Whether the stage may stand in this list, with this name and these keys.
    fn check_place(&mut self, index: usize, registered: &Registered) -> bool {
        let (name, spec) = (registered.name, &self.specs[index]);
        let here = registered.sides.contains(&self.side);
        if !here {
            let sides: Vec<&str> = registered.sides.iter().map(|side| side.as_str()).collect();
            let message = format!("`{name}` cannot run in `{}`", self.side.as_str());
            let help = format!("move it to `{}`", sides.join("` or `"));
            self.error(index, &["stage"], "wrong_list", message, help);
        }
        if spec.dry_run && !registered.dry_run {
            let message = format!("`{name}` cannot run dry: later stages rely on it");
            self.error(index, &["dry_run"], "no_dry_run", message, "remove `dry_run`".to_owned());
        }
        let repeated = self.specs[..index].iter().any(|before| before.label() == spec.label());
        if repeated {
            let message = "two stages of the list have this name".to_owned();
            let help = "remove one, or give it a `label` of its own".to_owned();
            let key = if spec.label.is_some() { "label" } else { "stage" };
            self.error(index, &[key], "repeated_label", message, help);
        }
        here && !repeated
    }

    /// Whether the stage can work where it stands, or where it will stand once what is missing was
    /// added before it.
    fn check_form(&mut self, index: usize, registered: &Registered, needs: Needs) -> bool {
        let (name, form) = (registered.name, self.form);
        if form == last_form(self.side) {
            let last = self.giver(form).unwrap_or(name);
            let message = format!("`{name}` stands behind `{last}`, which must be last");
            let help = format!("move it up, before `{last}`");
            self.error(index, &["stage"], "wrong_order", message, help);
            return false;
        }
        let (Needs::Exactly(wanted) | Needs::AtLeast(wanted)) = needs;
        let message =
            format!("`{name}` needs {}, but gets {} here", wanted.describe(), form.describe());
        if form < wanted {
            return self.too_early(index, registered, wanted, message);
        }
        if matches!(needs, Needs::Exactly(_)) && form != wanted {
            let help = "move it up, or remove it if another does the same".to_owned();
            self.error(index, &["stage"], "wrong_order", message, help);
            return false;
        }
        true
    }

    fn too_early(
        &mut self,
        index: usize,
        registered: &Registered,
        wanted: Form,
        message: String,
    ) -> bool {
        if self.doubtful {
            return true;
        }
        let (mut lacks, mut later, mut form) = (Vec::new(), None, self.form);
        while form < wanted {
            form = next_form(form, self.side);
            let Some(giver) = self.giver(form) else { continue };
            let stands_later = self.specs[index..].iter().any(|spec| spec.stage == giver);
            // One that stands earlier was reported there.
            let stands_earlier = self.specs[..index].iter().any(|spec| spec.stage == giver);
            if stands_later {
                later = Some(giver);
            } else if !stands_earlier {
                lacks.push(giver);
                self.reported.insert(form);
            }
        }
        let missing = words(&lacks);
        let help = match (lacks.is_empty(), later) {
            (true, Some(later)) => format!("move it down, behind `{later}`"),
            (false, Some(later)) => {
                format!("put {missing} before it, and move it behind `{later}`")
            }
            (false, None) => format!("put {missing} before it"),
            (true, None) => "move it down".to_owned(),
        };
        self.error(index, &["stage"], "wrong_order", message, help);
        if let Some(error) = self.errors.last_mut() {
            error.lacks = lacks;
        }
        if later.is_some() {
            self.early.push(Early { wanted, gives: registered.gives });
        }
        later.is_none()
    }

    /// Events have come as far as a stage brings them, or are further already.
    fn advance(&mut self, gives: Option<Form>) {
        self.form = gives.map_or(self.form, |given| self.form.max(given));
        loop {
            let next = next_form(self.form, self.side);
            if self.form < next && self.reported.remove(&next) {
                self.form = next;
            } else if let Some(at) = self.early.iter().position(|early| early.wanted <= self.form) {
                let early = self.early.swap_remove(at);
                self.form = early.gives.map_or(self.form, |given| self.form.max(given));
            } else {
                return;
            }
        }
    }

    /// The list must bring events all the way: whatever is missing between is missing here.
    pub(super) fn end(&mut self) {
        let (mut lacks, side) = (Vec::new(), self.side.as_str());
        while self.form < last_form(self.side) && !self.doubtful {
            self.form = next_form(self.form, self.side);
            lacks.extend(self.giver(self.form));
            self.advance(None);
        }
        if lacks.is_empty() {
            return;
        }
        let plural = if lacks.len() == 1 { "" } else { "s" };
        let help = match self.specs.is_empty() {
            true => format!("add them in this order, or remove `{side}` to get the shipped list"),
            false if lacks.len() == 1 => "add it at the end of the list".to_owned(),
            false => "add them at the end of the list, in this order".to_owned(),
        };
        self.errors.push(LoadError {
            side: self.side,
            index: None,
            path: Vec::new(),
            code: "missing_stage",
            message: format!("`{side}` lacks the stage{plural} {}", words(&lacks)),
            help: Some(help),
            lacks,
        });
    }

    fn giver(&self, form: Form) -> Option<&'static str> {
        self.registry.giving(form, self.side).map(|stage| stage.name)
    }

    fn error(
        &mut self,
        index: usize,
        path: &[&str],
        code: &'static str,
        message: String,
        help: impl Into<Option<String>>,
    ) {
        self.errors.push(LoadError {
            side: self.side,
            index: Some(index),
            path: path.iter().map(|&part| part.to_owned()).collect(),
            code,
            message,
            help: help.into(),
            lacks: Vec::new(),
        });
    }
}

/// Names in a sentence: `a`, `b` and `c`.
fn words(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [before @ .., last] => format!("`{}` and `{last}`", before.join("`, `")),
    }
}
