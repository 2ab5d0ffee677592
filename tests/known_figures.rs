//! Figures that partnerships have printed, put into a small project as its partners' rows: those that follow from the printed
//! numbers come out of the product's tables, and those that cannot are shown as inconsistent, with the reason. What no
//! arithmetic and no wording leads to is listed (`--nocapture` shows the list).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed, in its helpers too; the list is for who runs it"
)]

#[path = "support/small.rs"]
#[expect(dead_code, reason = "what a test of messages needs is not needed here")]
mod small;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use small::{Row, World};

/// How many figures the register holds.
const REGISTER: usize = 181;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    figure: Vec<Figure>,
    uncovered: Vec<Uncovered>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    /// Places of the register.
    figures: Vec<String>,
    id: String,
    check: String,
    inputs: Vec<f64>,
    printed: Option<f64>,
    #[serde(default)]
    decimals: i32,
    band: Option<(f64, f64)>,
    significant: Option<bool>,
    wording: Option<String>,
    /// Nothing was printed behind the words; the numbers are made.
    #[serde(default)]
    made: bool,
    consistent: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uncovered {
    figure: String,
    about: String,
    why: String,
}

fn known() -> Known {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/known_figures/figures.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// One row of the partner's file: area, use, figure, and four numbers.
type Line = (&'static str, &'static str, usize, [f64; 4]);

impl Figure {
    /// The rows of this year and of last year that the figure stands on.
    fn rows(&self, place: usize) -> (Vec<Line>, Vec<Line>) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| self.inputs.get(place).copied().unwrap_or(1.0));
        let row = |area, of, numbers| (area, of, place, numbers);
        let one = |of, numbers| (vec![row("P01", of, numbers)], Vec::new());
        match self.check.as_str() {
            "percent-change" | "difference" => {
                (vec![row("P01", "count", [b, 1.0, 1.0, 1.0])], vec![row("P01", "count", [a, 1.0, 1.0, 1.0])])
            }
            "points" => (
                vec![row("P01", "share", [b, 100.0, 1.0, 1.0])],
                vec![row("P01", "share", [a, 100.0, 1.0, 1.0])],
            ),
            "sum" => (
                self.inputs.iter().map(|part| row("P01", "count", [*part, 1.0, 1.0, 1.0])).collect(),
                Vec::new(),
            ),
            "share" => one("share", [a, b, 1.0, 1.0]),
            "average" => one("average", [a, b, 1.0, 1.0]),
            "multiple" => one("multiple", [a, b, c, d]),
            "rate" => {
                // The residents are those of the look-up.
                (
                    vec![row(
                        if (b - 294_773.0).abs() < 0.5 { "P01" } else { "W01" },
                        "rate",
                        [a, 1.0, 1.0, 1.0],
                    )],
                    Vec::new(),
                )
            }
            "significance" => (
                vec![row("W01", "group", [a, b, 1.0, 1.0]), row("P01", "group", [c, d, 1.0, 1.0])],
                Vec::new(),
            ),
            "rank" => {
                let rows = self.inputs.iter().zip(DISTRICTS);
                (rows.map(|(value, area)| row(area, "rank", [*value, 1.0, 1.0, 1.0])).collect(), Vec::new())
            }
            other => panic!("{}: there is no check `{other}`", self.id),
        }
    }

    /// What the product's tables say of it: a number, and the words.
    fn told(&self, place: usize, tables: &Tables) -> (f64, String) {
        let number = |row: &Row, column: &str| {
            row.get(column).unwrap_or_else(|| panic!("{}: {row:?}", self.id)).parse::<f64>().unwrap()
        };
        let outturn = |measure, area| (number(tables.outturn(measure, area, place), "value"), String::new());
        let assessed = |measure, area, comparison, column: &str| {
            let row = tables.assessment(measure, area, place, comparison);
            let words = row.get("wording").cloned().unwrap_or_default();
            (if column.is_empty() { f64::NAN } else { number(row, column) }, words)
        };
        match self.check.as_str() {
            "percent-change" => {
                assessed("printed-count", "P01", "same_period_last_year", "difference_percent")
            }
            "difference" => assessed("printed-count", "P01", "same_period_last_year", "difference"),
            "points" => assessed("printed-share", "P01", "same_period_last_year", "difference_percent"),
            "sum" => outturn("printed-count", "P01"),
            "share" => outturn("printed-share", "P01"),
            "average" => outturn("printed-average", "P01"),
            "multiple" => outturn("printed-multiple", "P01"),
            "rate" => {
                outturn("printed-rate", if (self.inputs[1] - 294_773.0).abs() < 0.5 { "P01" } else { "W01" })
            }
            "significance" => assessed("printed-group", "W01", "benchmark", "difference"),
            "rank" => assessed("printed-rank", "D01", "peers", ""),
            other => panic!("{}: there is no check `{other}`", self.id),
        }
    }

    /// Whether what is printed follows from what the product says.
    fn follows(&self, (number, words): &(f64, String)) -> bool {
        if let Some(claimed) = self.significant {
            return words.starts_with("statistically significantly higher") == claimed;
        }
        if let Some(wording) = &self.wording {
            return words == wording;
        }
        if let Some((least, most)) = self.band {
            return (least..most).contains(number);
        }
        let unit = 10_f64.powi(self.decimals);
        ((number * unit).round() - self.printed.unwrap() * unit).abs() < 1e-6
    }
}

const DISTRICTS: [&str; 10] = ["D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10"];

/// The two tables, by measure, area and figure.
struct Tables {
    outturn: BTreeMap<(String, String, String), Row>,
    assessment: BTreeMap<(String, String, String, String), Row>,
}

impl Tables {
    fn of(world: &World) -> Self {
        let of = |row: &Row, column: &str| row[column].clone();
        let latest = |table| world.rows(table, &[("period", "2024/25")]).into_iter();
        Self {
            outturn: latest("outturn")
                .map(|row| ((of(&row, "measure"), of(&row, "area"), of(&row, "breakdown")), row))
                .collect(),
            assessment: latest("assessment")
                .map(|row| {
                    let key = (of(&row, "measure"), of(&row, "area"), of(&row, "breakdown"));
                    ((key.0, key.1, key.2, of(&row, "comparison")), row)
                })
                .collect(),
        }
    }

    fn outturn(&self, measure: &str, area: &str, place: usize) -> &Row {
        let key = (measure.to_owned(), area.to_owned(), format!("figure: k{place:02}"));
        self.outturn.get(&key).unwrap_or_else(|| panic!("{key:?}"))
    }

    fn assessment(&self, measure: &str, area: &str, place: usize, comparison: &str) -> &Row {
        let key =
            (measure.to_owned(), area.to_owned(), format!("figure: k{place:02}"), comparison.to_owned());
        self.assessment.get(&key).unwrap_or_else(|| panic!("{key:?}"))
    }
}

/// A measure over the printed numbers of one use.
fn measure(world: &World, of: &str, settings: &str, numbers: &str) {
    world.write(
        &format!("sql/northport/printed-{of}.sql"),
        format!(
            "/*\nid = \"printed-{of}\"\ntitle = \"{of}\"\nframework = \"northport-2025-28\"\ntheme = \"Streets\"\n\
             owner = \"Head of Neighbourhoods\"\nunit = \"units\"\npolarity = \"context\"\nperiods = [\"financial-year\"]\n\
             breakdowns = [\"figure\"]\n{settings}\n*/\nSELECT area, month, figure, {numbers} FROM printed \
             WHERE use = '{of}' GROUP BY area, month, figure\n"
        ),
    );
}

/// The small project with what the documents print as a partner's yearly file, and a measure for each kind of statement.
fn world(figures: &[Figure]) -> World {
    let world = World::complete();
    let mut areas = world.read("pipelines/northport/reference/area.csv");
    for district in DISTRICTS {
        writeln!(areas, "{district},district,{district},P01").unwrap();
    }
    world.write("pipelines/northport/reference/area.csv", areas);
    world.write(
        "pipelines/northport/reference/population.csv",
        "area,mid_year,persons\nP01,2024,294773\nW01,2024,28000\n",
    );
    let texts = ["Area", "Use", "Figure"].map(|name| (name, "text"));
    let numbers = ["N1", "D1", "N2", "D2"].map(|name| (name, "number"));
    let mut columns = String::new();
    for (from, kind) in texts.into_iter().chain(numbers) {
        let name = from.to_lowercase();
        writeln!(
            columns,
            "\n[[column]]\nname = \"{name}\"\nfrom = \"{from}\"\ntype = \"{kind}\"\nrequired = true"
        )
        .unwrap();
    }
    world.write(
        "pipelines/northport/contracts/printed.toml",
        format!(
            "id = \"printed\"\ndataset = \"printed\"\ngrain = \"one printed number\"\n\
             header = [\"Month\", \"Area\", \"Use\", \"Figure\", \"N1\", \"D1\", \"N2\", \"D2\"]\n\n\
             [month]\nfrom = \"Month\"\nformat = \"month\"\n{columns}"
        ),
    );
    world.write(
        "pipelines/northport/feeds/northport-printed.toml",
        "id = \"northport-printed\"\ntitle = \"Printed\"\nsupplier = \"Northport Council\"\ncontract = \"printed\"\n\
         source = \"deliveries/printed/{period}.csv\"\ncovers = [\"P01\"]\nfrom = \"2024-03\"\nevery = \"year\"\n\
         published-after-months = 1\n",
    );
    let header = "Month,Area,Use,Figure,N1,D1,N2,D2\n";
    let (mut now, mut before) = (header.to_owned(), header.to_owned());
    for (place, figure) in figures.iter().enumerate() {
        let (this, last) = figure.rows(place);
        for (text, month, rows) in [(&mut now, "2025-03", this), (&mut before, "2024-03", last)] {
            for (area, of, place, [n1, d1, n2, d2]) in rows {
                writeln!(text, "{month},{area},{of},k{place:02},{n1},{d1},{n2},{d2}").unwrap();
            }
        }
    }
    world.send("printed", "2024-03", before);
    world.send("printed", "2025-03", now);
    let plain = "sum(n1) AS numerator";
    let share = "sum(n1) AS numerator, sum(d1) AS denominator";
    measure(&world, "count", "kind = \"count\"\nareas = [\"P01\"]", plain);
    measure(&world, "share", "kind = \"percentage\"\nareas = [\"P01\"]", share);
    let reason =
        "interval = \"none\"\ninterval-reason = \"the document does not print how the values spread\"";
    measure(&world, "average", &format!("kind = \"average\"\nareas = [\"P01\"]\n{reason}"), share);
    measure(
        &world,
        "multiple",
        "kind = \"ratio\"\nareas = [\"P01\"]",
        "sum(n1) / sum(d1) AS numerator, sum(n2) / sum(d2) AS denominator",
    );
    measure(&world, "rate", "kind = \"rate\"\nper = 100000\nareas = [\"P01\", \"W01\"]", plain);
    measure(&world, "group", "kind = \"percentage\"\nareas = [\"P01\", \"W01\"]\nbenchmark = \"P01\"", share);
    measure(&world, "rank", "kind = \"ratio\"\nareas = [\"P01/district\"]", share);
    world
}

#[test]
fn what_follows_from_the_printed_numbers_is_published_so_and_what_does_not_is_inconsistent() {
    let Known { figure: figures, .. } = known();
    let world = world(&figures);
    world.run().exits(0);
    let tables = Tables::of(&world);
    for (place, figure) in figures.iter().enumerate() {
        let told = figure.told(place, &tables);
        assert_eq!(figure.follows(&told), figure.consistent, "{}: {told:?} ({})", figure.id, figure.reason);
        assert!(figure.consistent || !figure.reason.is_empty(), "{}: why does it not follow?", figure.id);
    }
    assert!(figures.iter().filter(|figure| figure.consistent && !figure.made).count() >= 50);
    let inconsistent: Vec<&str> =
        figures.iter().filter(|figure| !figure.consistent).map(|figure| figure.id.as_str()).collect();
    assert_eq!(inconsistent.len(), 6, "{inconsistent:?}");

    // The words claim no significance that the numbers do not bear: in all, Stockport's interviews belong to the whole.
    let said = |id: &str| {
        let place = figures.iter().position(|figure| figure.id.starts_with(id)).unwrap();
        figures[place].told(place, &tables).1
    };
    // 294 of 320 beside the other 2,522 of 2,880, and 246 of 320 beside the other 2,154 of 2,880.
    assert_eq!(
        said("stockport 2021: 92%"),
        "statistically significantly higher than the rest of P01 (+4.3 percentage points)"
    );
    assert_eq!(
        said("stockport 2025: 77%"),
        "not statistically significantly different from the rest of P01 (+2.1 percentage points)"
    );
}

#[test]
fn every_figure_of_the_register_is_checked_or_told_why_it_cannot_be() {
    let Known { figure: figures, uncovered } = known();
    let checked: BTreeSet<&str> =
        figures.iter().flat_map(|figure| &figure.figures).map(String::as_str).collect();
    let told: BTreeSet<&str> = uncovered.iter().map(|one| one.figure.as_str()).collect();
    assert_eq!(told.len(), uncovered.len(), "one stands twice");
    assert!(checked.is_disjoint(&told), "{:?}", checked.intersection(&told).collect::<Vec<_>>());
    assert_eq!(checked.len() + told.len(), REGISTER);
    println!("{} of {REGISTER} printed figures are checked; not checked:", checked.len());
    for Uncovered { figure, about, why } in &uncovered {
        assert!(!about.is_empty() && !why.is_empty(), "{figure}");
        println!("{figure}  {about}: {why}");
    }
}
