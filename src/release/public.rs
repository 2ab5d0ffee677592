//! The public's own set of tables: figures read back from a table, written without what is withheld, and the step that
//! makes a set visible at a root of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, UInt32Array, new_null_array,
};
use arrow::compute::{cast, filter_record_batch, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, SchemaRef};
use arrow::error::ArrowError;

use super::{Manifest, Published, ReleaseError, point, prepare, read_manifest, tables};
use crate::assess::{Absence, Figure, FigureInterval, Status, Vintage, interval, is_same};
use crate::durable;
use crate::period::{Month, Period};
use crate::signoff::SignOff;
use crate::statistics::Interval;

/// Folder of the public's set in that of a release, and of all of them in `published`.
pub const FOLDER: &str = "public";

/// The figures of one measure among the rows of table `outturn`.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureFigures {
    /// The measure.
    pub measure: String,
    /// Row of its first figure; the others follow.
    pub from: usize,
    /// Its figures, in the order of the rows.
    pub figures: Vec<Figure>,
}

/// The figures of table `outturn`, measure by measure, in the order of the rows.
///
/// # Errors
/// A row that is none.
pub fn figures(batch: &RecordBatch) -> Result<Vec<MeasureFigures>, ReleaseError> {
    let damaged =
        |reason: String| ReleaseError::Damaged { path: format!("table `{}`", tables::OUTTURN.name), reason };
    let text = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        column.ok_or_else(|| damaged(format!("there is no column `{name}`")))
    };
    let number = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
        column.ok_or_else(|| damaged(format!("there is no column `{name}`")))
    };
    let flag = |name: &str| {
        let column = batch.column_by_name(name).and_then(|column| column.as_boolean_opt());
        column.ok_or_else(|| damaged(format!("there is no column `{name}`")))
    };
    let (measure, area, period, breakdown) =
        (text("measure")?, text("area")?, text("period")?, text("breakdown")?);
    let (status, note, method) = (text("status")?, text("note")?, text("interval_method")?);
    let (numerator, denominator, value) = (number("numerator")?, number("denominator")?, number("value")?);
    let (lower, upper) = (number("lower")?, number("upper")?);
    let (broken, synthetic) = (flag("break")?, flag("synthetic")?);
    // Sets of earlier versions of the program lack these.
    let version = batch.column_by_name("definition_version").and_then(|c| c.as_primitive_opt::<Int64Type>());
    let sign_off = batch.column_by_name("sign_off").and_then(|c| c.as_string_opt::<i32>());
    let revised = batch.column_by_name("revised").and_then(|c| c.as_boolean_opt());
    let bases = tables::Bases::of(batch);
    let absences = tables::Absences::of(batch);
    let at = |column: &Float64Array, row: usize| column.is_valid(row).then(|| column.value(row));
    let mut found: Vec<MeasureFigures> = Vec::new();
    for row in 0..batch.num_rows() {
        let in_row = |what: &str| damaged(format!("row {row} {what}"));
        let interval = match (at(lower, row), at(upper, row)) {
            (Some(lower), Some(upper)) => {
                let method = interval::known_method(method.value(row));
                Some(FigureInterval { limits: Interval { lower, upper }, method })
            }
            _ => None,
        };
        let figure = Figure {
            area: area.value(row).to_owned(),
            period: period.value(row).parse::<Period>().map_err(|error| in_row(&error.to_string()))?,
            breakdown: breakdown.value(row).to_owned(),
            numerator: at(numerator, row),
            denominator: at(denominator, row),
            value: at(value, row),
            status: Status::named(status.value(row)).ok_or_else(|| in_row("has an unknown status"))?,
            absence: absences.at(row),
            synthetic: synthetic.is_valid(row) && synthetic.value(row),
            note: if note.is_valid(row) { note.value(row).to_owned() } else { String::new() },
            interval,
            basis: bases.at(row),
            after_break: broken.is_valid(row) && broken.value(row),
            vintage: Vintage {
                definition_version: version
                    .filter(|c| c.is_valid(row))
                    .and_then(|c| u32::try_from(c.value(row)).ok())
                    .unwrap_or_default(),
                sign_off: sign_off
                    .filter(|c| c.is_valid(row))
                    .map_or(SignOff::Provisional, |c| SignOff::named(c.value(row))),
                revised: revised.is_some_and(|c| c.is_valid(row) && c.value(row)),
            },
        };
        match found.last_mut() {
            Some(last) if last.measure == measure.value(row) => last.figures.push(figure),
            _ => found.push(MeasureFigures {
                measure: measure.value(row).to_owned(),
                from: row,
                figures: vec![figure],
            }),
        }
    }
    Ok(found)
}

/// A row of table `outturn` as the public sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicRow {
    /// The row that it comes from.
    pub row: usize,
    /// The figure as it is shown.
    pub figure: Figure,
    /// Nothing of it differs.
    pub as_it_was: bool,
}

/// Columns of `outturn` that tell which figure a row is about, and nothing of its counts.
const PLAIN: [&str; 11] = [
    "measure",
    "partnership",
    "area",
    "period",
    "period_kind",
    "break",
    "definition_version",
    "sign_off",
    "synthetic",
    "as_of",
    "release",
];

/// The rows of a table about periods that end no later than with a month, by its column `period` or `month`; `None` where
/// it has neither.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn until(batch: &RecordBatch, last: Month) -> Result<Option<RecordBatch>, ArrowError> {
    let Some(column) = ["period", "month"].into_iter().find_map(|name| batch.column_by_name(name)) else {
        return Ok(None);
    };
    let texts = cast(column, &DataType::Utf8)?;
    // What names no period is kept back with the rest.
    let told = |text: Option<&str>| text.and_then(|text| text.parse::<Period>().ok());
    let mask: BooleanArray = texts
        .as_string::<i32>()
        .iter()
        .map(|text| Some(told(text).is_some_and(|period| period.last <= last)))
        .collect();
    filter_record_batch(batch, &mask).map(Some)
}

/// Takes out what the public set that belongs to these figures does not tell of yet.
pub fn cut(measures: &mut [MeasureFigures], last: Option<Month>) {
    if let Some(last) = last {
        for own in measures {
            own.figures.retain(|figure| figure.period.last <= last);
        }
    }
}

/// Table `outturn` with the mark of revised figures as it is for somebody who knows `before` alone; also the measures of
/// which a figure is marked otherwise now.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn revised_since(
    all: &RecordBatch,
    before: &[MeasureFigures],
) -> Result<(RecordBatch, BTreeSet<String>), ArrowError> {
    let mut known: HashMap<(&str, &str, &str), BTreeMap<Period, &Figure>> = HashMap::new();
    for own in before {
        for figure in &own.figures {
            let series = known.entry((&own.measure, &figure.area, &figure.breakdown)).or_default();
            series.insert(figure.period, figure);
        }
    }
    let schema = all.schema();
    let missing = |name: &str| ArrowError::SchemaError(format!("there is no column `{name}`"));
    let column = |name: &str| all.column_by_name(name).ok_or_else(|| missing(name));
    let (measure, area) = (column("measure")?.as_string::<i32>(), column("area")?.as_string::<i32>());
    let (period, breakdown) = (column("period")?.as_string::<i32>(), column("breakdown")?.as_string::<i32>());
    let value = column("value")?.as_primitive::<Float64Type>();
    let was = column("revised")?.as_boolean();
    let mut changed = BTreeSet::new();
    let mut marks = Vec::with_capacity(all.num_rows());
    for row in 0..all.num_rows() {
        let series = known.get(&(measure.value(row), area.value(row), breakdown.value(row)));
        let earlier = period.value(row).parse().ok().and_then(|period: Period| series?.get(&period).copied());
        let now = value.is_valid(row).then(|| value.value(row));
        let revised = earlier.is_some_and(|earlier| {
            let other = earlier.value.is_some() && now.is_some() && !is_same(earlier.value, now);
            earlier.vintage.revised || other
        });
        if revised != (was.is_valid(row) && was.value(row)) {
            changed.insert(measure.value(row).to_owned());
        }
        marks.push(revised);
    }
    let columns = schema.fields().iter().zip(all.columns()).map(|(field, column)| {
        if field.name() == "revised" {
            Arc::new(BooleanArray::from(marks.clone()))
        } else {
            Arc::clone(column)
        }
    });
    Ok((RecordBatch::try_new(Arc::clone(&schema), columns.collect())?, changed))
}

/// Table `outturn` with these rows. Of a figure that is not shown as it was, every column is emptied that is not known to
/// tell nothing, so that a column that is added later does not tell what is withheld.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn outturn(batch: &RecordBatch, rows: &[PublicRow]) -> Result<RecordBatch, ArrowError> {
    let place = |row: &PublicRow| u32::try_from(row.row).ok();
    let plain: UInt32Array = rows.iter().map(place).collect();
    let untouched: UInt32Array = rows.iter().map(|row| place(row).filter(|_| row.as_it_was)).collect();
    let numbers = |of: fn(&Figure) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(&row.figure)).collect::<Float64Array>())
    };
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        Ok::<_, ArrowError>(match field.name().as_str() {
            "numerator" => numbers(|figure| figure.numerator),
            "denominator" => numbers(|figure| figure.denominator),
            "value" => numbers(|figure| figure.value),
            "base" => numbers(|figure| figure.basis.as_ref()?.base),
            "other_numerator" => numbers(|figure| figure.basis.as_ref()?.other_numerator),
            "other_denominator" => numbers(|figure| figure.basis.as_ref()?.other_denominator),
            "breakdown" => tables::text(rows.iter().map(|row| row.figure.breakdown.as_str())),
            "status" => tables::text(rows.iter().map(|row| row.figure.status.name())),
            "absence" => {
                tables::some_text(rows.iter().map(|row| row.figure.absence.map_or("", Absence::name)))
            }
            "note" => tables::some_text(rows.iter().map(|row| row.figure.note.as_str())),
            name if PLAIN.contains(&name) => take(column, &plain, None)?,
            _ => take(column, &untouched, None)?,
        })
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_, _>>()?)
}

/// The same rows with every column empty but these.
///
/// # Errors
/// Columns that do not fit: a defect of ours.
pub fn only(batch: &RecordBatch, kept: &[&str]) -> Result<RecordBatch, ArrowError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        if kept.contains(&field.name().as_str()) {
            Arc::clone(column)
        } else {
            new_null_array(field.data_type(), batch.num_rows())
        }
    });
    let columns: Vec<ArrayRef> = columns.collect();
    RecordBatch::try_new(nullable(&schema), columns)
}

fn nullable(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<_> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(arrow::datatypes::Schema::new(fields))
}

/// An earlier public set: where its tables lie, and those of the partnership's where they are still there.
#[derive(Debug, Clone)]
pub struct EarlierSet {
    /// The release.
    pub release: String,
    /// Folder of the public's tables.
    pub public: PathBuf,
    /// Folder of the partnership's.
    pub partnership: Option<PathBuf>,
    /// What it has of each measure.
    pub manifest: Manifest,
}

impl Published {
    /// The releases as the public sees them.
    #[must_use]
    pub fn public(&self) -> Self {
        Self { folder: self.folder.join(FOLDER) }
    }

    /// Every set that was made for the public, the oldest first, also those that it has not been shown.
    ///
    /// # Errors
    /// A set that cannot be read: what the public knows is then not known.
    pub fn public_sets(&self) -> Result<Vec<EarlierSet>, ReleaseError> {
        let mut names = self.names();
        let shown = self.public().names();
        names.extend(shown.iter().filter(|name| !names.contains(name)).cloned().collect::<Vec<_>>());
        let order = |name: &String| {
            let (day, number) = name.split_once('.').unwrap_or((name, "0"));
            (day.to_owned(), number.parse::<u32>().unwrap_or_default())
        };
        names.sort_by_key(order);
        let mut sets = Vec::new();
        for name in names {
            let partnership = self.release(&name);
            let within =
                partnership.as_ref().map(|folder| folder.join(FOLDER)).filter(|folder| folder.is_dir());
            if let Some(public) = within.or_else(|| self.public().release(&name)) {
                let manifest = read_manifest(&public)?;
                sets.push(EarlierSet { release: name, public, partnership, manifest });
            }
        }
        Ok(sets)
    }

    /// Shows the public set of a release to the public: brings it to `published/public/releases` and points
    /// `published/public/current` at it in one step. `false` where the release has none, and where it is current already.
    ///
    /// Nothing of the partnership's set lies under `published/public`, so that this folder can be shared as it is.
    ///
    /// # Errors
    /// What the disk reports; what was current for the public stays so.
    pub fn show_to_public(&self, name: &str) -> Result<bool, ReleaseError> {
        let Some(from) =
            self.release(name).map(|folder| folder.join(FOLDER)).filter(|folder| folder.is_dir())
        else {
            return Ok(false);
        };
        let public = self.public();
        if public.current().is_some_and(|folder| folder.file_name().is_some_and(|current| current == name)) {
            return Ok(false);
        }
        let failed = |source| ReleaseError::File { path: public.folder.display().to_string(), source };
        public.bring(&from, name).map_err(failed)?;
        Ok(true)
    }

    fn bring(&self, from: &Path, name: &str) -> io::Result<()> {
        let releases = self.folder.join("releases");
        durable::create_folder(&releases)?;
        durable::remove_leftovers(&releases)?;
        durable::remove_leftovers(&self.folder)?;
        let place = releases.join(name);
        if !place.is_dir() {
            let staging =
                tempfile::Builder::new().prefix(".outturn-").suffix(".tmp").tempdir_in(&releases)?;
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    let to = staging.path().join(entry.file_name());
                    // Releases are not changed, so that one file under two names is as good as two; not every disk
                    // has links.
                    if fs::hard_link(entry.path(), &to).is_err() {
                        fs::copy(entry.path(), &to)?;
                        fs::File::open(&to)?.sync_all()?;
                    }
                }
            }
            durable::sync_folder(staging.path())?;
            let staging = staging.keep();
            durable::share(&staging)?;
            fs::rename(&staging, &place)?;
            durable::sync_folder(&releases)?;
        }
        prepare(&self.folder, name)?;
        point(&self.folder)
    }
}
