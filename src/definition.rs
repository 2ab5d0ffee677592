//! Versions of what measures count: whether a definition changed, and whether its version says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::settings::MeasureConfig;
use crate::config::{Project, SqlFile, front_matter_span};
use crate::diagnose::Problem;
use crate::measure::Planned;
use crate::retained;

/// What a release records of a measure's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its version, as the measure's file has it.
    pub version: u32,
    /// Digest of the definition that the figures were made by.
    pub digest: String,
    /// Digest of the definition for which the version was first released. It differs from `digest` while the definition
    /// was changed, and figures with it, under a version that stands for another one.
    pub agreed: String,
}

/// Digest of what a measure's values are: its SELECT and the shared queries that it reads, whatever comments and spaces
/// they have, its breakdowns, and the settings that make a value of what it counts: kind, multiplier, whole, base, and how
/// long it waits and looks back. Words, targets and notes may change, and it stays the same.
#[must_use]
pub fn digest(project: &Project, measure: &SqlFile<MeasureConfig>, planned: &Planned) -> String {
    let config = &measure.config;
    let counted = retained::definition(project, measure, planned);
    let text = format!(
        "{counted} {} {:?} {:?} {:?} {} {}",
        config.kind.name(),
        config.per,
        config.whole,
        config.base,
        config.mature_after_months,
        config.look_back_months
    );
    hex::encode(Sha256::digest(text)).chars().take(32).collect()
}

/// The changes of a measure's definition, a line each: `2, 2025-07-01: what changed; why`.
#[must_use]
pub fn history(config: &MeasureConfig) -> String {
    let lines = config.change.iter().map(|change| {
        format!("{}, {}: {}; {}", change.version, change.date, change.what.trim(), change.why.trim())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The definitions of a release: `now` as version and digest by measure, `before` those of the release before, `revised`
/// the measures of which some figure is shown otherwise than there.
///
/// A definition that was only written otherwise, so that every figure stands, is that of its version.
#[must_use]
pub fn recorded(
    before: Option<&BTreeMap<String, Definition>>,
    now: BTreeMap<String, (u32, String)>,
    revised: &BTreeSet<String>,
) -> BTreeMap<String, Definition> {
    let recorded = now.into_iter().map(|(id, (version, digest))| {
        let known = before.and_then(|before| before.get(&id)).filter(|known| known.version == version);
        let agreed = match known {
            // Figures that change because the definition was taken back are those of the version again.
            Some(known) if known.digest == digest || revised.contains(&id) => known.agreed.clone(),
            _ => digest.clone(),
        };
        (id, Definition { version, digest, agreed })
    });
    recorded.collect()
}

/// Definitions that changed, and figures with them, under a version that stands for another one; each in a line.
pub fn gaps(definitions: &BTreeMap<String, Definition>) -> impl Iterator<Item = String> {
    let changed = definitions.iter().filter(|(_, definition)| definition.digest != definition.agreed);
    changed.map(|(id, definition)| {
        let version = definition.version;
        format!(
            "measure `{id}`: its definition is no longer that of version {version}, under which it is published; set \
             version = {} in its file and say in a [[change]] what changed and why",
            version + 1
        )
    })
}

/// Measures whose definition is not that under which the current release has them, though the version is the same, or
/// whose version was lowered; to be looked at before the next run.
#[must_use]
pub fn unversioned(
    project: &Project,
    measures: &BTreeMap<String, (Planned, Vec<String>)>,
    released: &BTreeMap<String, Definition>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    for (id, (planned, _)) in measures {
        let (Some(file), Some(known)) = (project.measures.get(id), released.get(id)) else { continue };
        let version = file.config.version;
        let at = |message: String| {
            Problem::new(&file.source, front_matter_span(&file.source, &["version"]), message)
        };
        if version < known.version {
            let message = format!("version {version} is lower than {}, which is released", known.version);
            found.push(at(message));
        } else if version == known.version && digest(project, file, planned) != known.agreed {
            let message = format!("its definition is not the one that is released as version {version}");
            let help = "unless every figure stays what it was, raise `version` and say in a [[change]] what changed and why";
            found.push(at(message).help(help));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded_as(before: Option<Definition>, (version, digest): (u32, &str), revised: bool) -> Definition {
        let before = before.map(|definition| BTreeMap::from([("m".to_owned(), definition)]));
        let now = BTreeMap::from([("m".to_owned(), (version, digest.to_owned()))]);
        let revised = revised.then(|| "m".to_owned()).into_iter().collect();
        recorded(before.as_ref(), now, &revised).remove("m").unwrap()
    }

    #[test]
    fn a_definition_that_changes_figures_under_its_old_version_is_told_until_the_version_is_raised() {
        let first = recorded_as(None, (1, "a"), false);
        assert_eq!(first.agreed, "a");
        let changed = recorded_as(Some(first), (1, "b"), true);
        assert_eq!((changed.digest.as_str(), changed.agreed.as_str()), ("b", "a"));
        let told =
            |definition: &Definition| gaps(&BTreeMap::from([("m".into(), definition.clone())])).count();
        assert_eq!(told(&changed), 1);
        // A run in which no figure changes does not make it right.
        let still = recorded_as(Some(changed.clone()), (1, "b"), false);
        assert_eq!(told(&still), 1);
        // Raised, or taken back.
        assert_eq!(told(&recorded_as(Some(still), (2, "b"), false)), 0);
        assert_eq!(told(&recorded_as(Some(changed), (1, "a"), false)), 0);
    }

    #[test]
    fn a_definition_that_is_only_written_otherwise_keeps_its_version() {
        let first = recorded_as(None, (1, "a"), false);
        let rewritten = recorded_as(Some(first), (1, "b"), false);
        assert_eq!(rewritten.agreed, "b");
    }
}
