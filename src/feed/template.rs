//! Addresses and names in which a month stands: `{period}` and its other shapes.
//!
//! | written | for June 2025 |
//! | --- | --- |
//! | `{period}` | `2025-06` |
//! | `{period:%Y_%m}` | `2025_06`; `%Y %y %m %b %B %d` are known |
//! | `{period.first-day}`, `{period.last-day}` | `2025-06-01`, `2025-06-30`; `{period.first-day:%d/%m/%Y}` |
//! | `{year}` | `2025` |
//! | `{financial-year}` | `2025-26` |

use chrono::{Datelike, NaiveDate};

use crate::period::Month;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Which part of a month a name in braces stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Month,
    FirstDay,
    LastDay,
    Year,
    FinancialYear,
}

/// A name in braces that stands for a month, such as `period:%Y_%m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape<'a> {
    part: Part,
    format: &'a str,
}

impl<'a> Shape<'a> {
    /// Reads what stands in braces; `None` for any other name.
    pub(super) fn named(name: &'a str) -> Option<Self> {
        let (part, format) = name.split_once(':').map_or((name, None), |(part, f)| (part, Some(f)));
        let (part, usual) = match part {
            "period" => (Part::Month, "%Y-%m"),
            "period.first-day" => (Part::FirstDay, "%Y-%m-%d"),
            "period.last-day" => (Part::LastDay, "%Y-%m-%d"),
            "year" if format.is_none() => (Part::Year, "%Y"),
            "financial-year" if format.is_none() => (Part::FinancialYear, ""),
            _ => return None,
        };
        let format = format.unwrap_or(usual);
        let known = format.split('%').skip(1).all(|rest| rest.starts_with(['Y', 'y', 'm', 'b', 'B', 'd']));
        known.then_some(Self { part, format })
    }

    fn write(self, month: Month) -> String {
        let day = match self.part {
            Part::LastDay => month.last_day(),
            _ => month.first_day(),
        };
        if self.part == Part::FinancialYear {
            let start = if month.number() < 4 { month.year() - 1 } else { month.year() };
            return format!("{start}-{:02}", (start + 1).rem_euclid(100));
        }
        written(day, self.format)
    }

    /// The month that a text in this shape names; only a whole month can be read back.
    pub(super) fn read(self, text: &str) -> Option<Month> {
        if self.part != Part::Month {
            return None;
        }
        let (mut year, mut number) = (None, None);
        let mut rest = text;
        let mut format = self.format.chars();
        while let Some(wanted) = format.next() {
            if wanted != '%' {
                rest = rest.strip_prefix(wanted)?;
                continue;
            }
            rest = match format.next()? {
                'Y' => digits(rest, 4, &mut year)?,
                'y' => {
                    let mut short = None;
                    let rest = digits(rest, 2, &mut short)?;
                    year = short.map(|short| 2000 + short);
                    rest
                }
                'm' => digits(rest, 2, &mut number)?,
                'd' => {
                    let mut day = None;
                    let rest = digits(rest, 2, &mut day)?;
                    // A month that is named by its first day.
                    if day != Some(1) {
                        return None;
                    }
                    rest
                }
                kind => {
                    let length = |name: &str| if kind == 'b' { 3 } else { name.len() };
                    let (found, name) = (1..).zip(MONTHS).find(|(_, name)| {
                        let text = rest.get(..length(name)).unwrap_or_default();
                        text.eq_ignore_ascii_case(name.get(..length(name)).unwrap_or(name))
                    })?;
                    number = Some(found);
                    rest.get(length(name)..)?
                }
            };
        }
        if !rest.is_empty() {
            return None;
        }
        Month::new(year?.cast_signed(), number?)
    }
}

fn digits<'a>(text: &'a str, count: usize, into: &mut Option<u32>) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(count)?;
    if !found.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *into = Some(found.parse().ok()?);
    Some(rest)
}

fn written(day: NaiveDate, format: &str) -> String {
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(next) = rest.next() {
        if next != '%' {
            text.push(next);
            continue;
        }
        let name = MONTHS.get(day.month0() as usize).copied().unwrap_or_default();
        match rest.next() {
            Some('Y') => text.extend([format!("{:04}", day.year())]),
            Some('y') => text.extend([format!("{:02}", day.year().rem_euclid(100))]),
            Some('m') => text.extend([format!("{:02}", day.month())]),
            Some('d') => text.extend([format!("{:02}", day.day())]),
            Some('b') => text.push_str(name.get(..3).unwrap_or(name)),
            Some('B') => text.push_str(name),
            _ => {}
        }
    }
    text
}

/// A text in pieces: what stands outside braces, and the names within.
fn pieces(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let mut rest = Some(template);
    std::iter::from_fn(move || {
        let text = rest?;
        let found = text.split_once('{').and_then(|(plain, after)| {
            let (name, further) = after.split_once('}')?;
            Some((plain, name, further))
        });
        let Some((plain, name, further)) = found else {
            rest = None;
            return Some((text, None));
        };
        rest = Some(further);
        Some((plain, Some(name)))
    })
}

/// The text with the month put in; other names in braces stay.
pub(super) fn fill(template: &str, month: Month) -> String {
    let mut text = String::new();
    for (plain, name) in pieces(template) {
        text.push_str(plain);
        let Some(name) = name else { continue };
        // A secret is named `${env:…}`, and stays.
        match Shape::named(name).filter(|_| !plain.ends_with('$')) {
            Some(shape) => text.push_str(&shape.write(month)),
            None => text.extend(["{", name, "}"]),
        }
    }
    text
}

/// Whether the text differs from period to period.
pub(super) fn names_period(template: &str) -> bool {
    pieces(template).any(|(_, name)| name.and_then(Shape::named).is_some())
}

/// Whether the text differs from month to month.
pub(super) fn names_month(template: &str) -> bool {
    pieces(template).any(|(_, name)| {
        name.and_then(Shape::named).is_some_and(|shape| match shape.part {
            Part::Year | Part::FinancialYear => false,
            Part::Month | Part::FirstDay | Part::LastDay => {
                ["%m", "%b", "%B"].iter().any(|month| shape.format.contains(month))
                    && ["%Y", "%y"].iter().any(|year| shape.format.contains(year))
            }
        })
    })
}

/// The first name in braces that is meant for a month and cannot be one.
pub(super) fn misspelt(template: &str) -> Option<&str> {
    pieces(template)
        .filter_map(|(_, name)| name)
        .find(|name| name.starts_with("period") && Shape::named(name).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn june() -> Month {
        "2025-06".parse().unwrap()
    }

    #[test]
    fn a_month_is_written_in_every_shape() {
        for (template, text) in [
            ("a-{period}.csv", "a-2025-06.csv"),
            ("{period:%Y_%m}/{period:%b%y}", "2025_06/Jun25"),
            ("{period:%B %Y}", "June 2025"),
            ("from={period.first-day}&to={period.last-day}", "from=2025-06-01&to=2025-06-30"),
            ("{period.last-day:%d/%m/%Y}", "30/06/2025"),
            ("{year} {financial-year}", "2025 2025-26"),
            ("{force}-{period}-{", "{force}-2025-06-{"),
            ("${env:year} {period:%Q}", "${env:year} {period:%Q}"),
        ] {
            assert_eq!(fill(template, june()), text);
        }
        assert_eq!(fill("{financial-year}", "2025-03".parse().unwrap()), "2024-25");
        assert_eq!(fill("{financial-year}", "1999-12".parse().unwrap()), "1999-00");
        assert_eq!(fill("{period.last-day}", "2024-02".parse().unwrap()), "2024-02-29");
    }

    #[test]
    fn a_month_is_read_back_from_a_name() {
        for (name, text) in [
            ("period", "2025-06"),
            ("period:%Y_%m", "2025_06"),
            ("period:%b%y", "jun25"),
            ("period:%B %Y", "June 2025"),
            ("period:%Y%m%d", "20250601"),
        ] {
            assert_eq!(Shape::named(name).unwrap().read(text), Some(june()), "{name}");
        }
        for (name, text) in [
            ("period", "2025-13"),
            ("period", "2025-06-"),
            ("period:%Y%m%d", "20250602"),
            ("period:%b%y", "jn25"),
            ("period:%Y", "2025"),
            ("year", "2025"),
        ] {
            assert_eq!(Shape::named(name).unwrap().read(text), None, "{name} {text}");
        }
    }

    #[test]
    fn a_year_names_a_period_but_no_month() {
        assert!(names_period("{year}.csv") && !names_month("{year}.csv"));
        assert!(names_month("{period:%b-%y}") && !names_month("{period:%m}"));
        assert!(!names_period("{force}.csv"));
        assert_eq!(misspelt("{force}{period:%Q}"), Some("period:%Q"));
        assert_eq!(misspelt("{period.first}"), Some("period.first"));
        assert_eq!(misspelt("{period} {year}"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_filled_and_any_name_read(
            template in "[{}%:.a-zYmbB$-]{0,24}|(\\{period:[%YymbBd_ é-]{0,8}\\})|.*", text in "[0-9A-Za-zé_-]{0,12}"
        ) {
            let _ = fill(&template, june());
            let _ = (names_month(&template), misspelt(&template));
            if let Some(shape) = Shape::named(template.trim_matches(['{', '}'])) {
                let _ = shape.read(&text);
                if let Some(month) = shape.read(&shape.write(june())) {
                    proptest::prop_assert_eq!(month, june());
                }
            }
        }
    }
}
