//! Which instants are due, by the wall clock of a place.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// Longest stretch of wall time that a clock change repeats; every change since 1970 is within it.
const LONGEST_REPEAT: TimeDelta = TimeDelta::hours(3);

/// Longest stretch of wall time that a change leaves out: a place that crosses the date line loses a day.
const LONGEST_GAP_MINUTES: i64 = 26 * 60;

/// A cron expression, meant in the wall time of a place.
///
/// Each wall time that the expression names is due at one instant, whatever was asked before: the first of the two
/// where the clocks go back, the end of the gap where they go forward. A daily job therefore runs once on every day.
#[derive(Debug, Clone)]
pub struct Calendar {
    cron: Cron,
    zone: Tz,
}

/// Why a schedule cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// Not five fields that croner can read.
    #[error(
        "expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, \
         found `{found}`: {reason}"
    )]
    Cron {
        /// As it was written.
        found: String,
        /// What the parser says.
        reason: String,
    },
    /// A day that no year has.
    #[error(
        "expected a cron expression that names a day of the calendar, such as `30 5 * * *`, found `{found}`"
    )]
    Never {
        /// As it was written.
        found: String,
    },
    /// Not a name of the time zone database.
    #[error("expected the IANA name of a time zone such as `Europe/London`, found `{found}`")]
    TimeZone {
        /// As it was written.
        found: String,
    },
}

impl InvalidSchedule {
    /// Whether the time zone is at fault, and not the cron expression.
    #[must_use]
    pub fn is_time_zone(&self) -> bool {
        matches!(self, Self::TimeZone { .. })
    }
}

impl Calendar {
    /// A calendar from its settings: five cron fields and the IANA name of a time zone.
    ///
    /// # Errors
    /// When either cannot be read, or when no day is ever due.
    pub fn new(cron: &str, time_zone: &str) -> Result<Self, InvalidSchedule> {
        let zone =
            time_zone.parse().map_err(|_| InvalidSchedule::TimeZone { found: time_zone.to_owned() })?;
        let refused = |reason: String| InvalidSchedule::Cron { found: cron.to_owned(), reason };
        let fields = cron.split_whitespace().count();
        if fields != 5 {
            return Err(refused(format!("5 fields are needed, not {fields}")));
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let parsed = parser.parse(cron).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.split_once(": ").map_or(reason.as_str(), |(_, reason)| reason);
            let reason = reason.strip_prefix("CronPattern ").unwrap_or(reason).trim_end_matches('.');
            refused(reason.replacen("Number", "number", 1))
        })?;
        let calendar = Self { cron: parsed, zone };
        match calendar.due_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(calendar),
            None => Err(InvalidSchedule::Never { found: cron.to_owned() }),
        }
    }

    /// The next instant that is due strictly after `last`. `None` at the end of the calendar, in the year 5000.
    #[must_use]
    pub fn due_after(&self, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // No wall time up to that of `last` is due after it, so the search may begin there.
        let mut wall = self.wall_time(last)?;
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let due = self.instant(wall.naive_utc())?;
            if due > last {
                return Some(due);
            }
        }
    }

    /// The latest instant that is due after `last_done` and not after `now`: the one run that makes up for all that
    /// were missed. Without `last_done`, nothing is known to be done.
    #[must_use]
    pub fn missed(&self, last_done: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // In a repeated hour, wall times later than that of `now` may be due before it.
        let mut wall = self.wall_time(now)?.checked_add_signed(LONGEST_REPEAT)?;
        loop {
            wall = self.cron.find_previous_occurrence(&wall, true).ok()?;
            let due = self.instant(wall.naive_utc())?;
            if last_done.is_some_and(|done| due <= done) {
                return None;
            }
            if due <= now {
                return Some(due);
            }
            wall -= TimeDelta::seconds(1);
        }
    }

    /// What a wall clock shows, in whole seconds, in the guise of UTC so that croner meets no clock change.
    fn wall_time(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        instant.with_timezone(&self.zone).naive_local().with_nanosecond(0).map(|wall| wall.and_utc())
    }

    /// The one instant at which a wall time is due.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let first = |minutes| {
            let wall = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
            self.zone.from_local_datetime(&wall).earliest()
        };
        (0..=LONGEST_GAP_MINUTES).find_map(first).map(|due| due.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike as _, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    fn london(cron: &str) -> Calendar {
        Calendar::new(cron, "Europe/London").unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// Everything due in `from..to`.
    fn dues(calendar: &Calendar, from: &str, to: &str) -> Vec<String> {
        let (from, to) = (at(from), at(to));
        std::iter::successors(calendar.due_after(from - TimeDelta::seconds(1)), |due| {
            calendar.due_after(*due)
        })
        .take_while(|due| *due < to)
        .map(|due| due.with_timezone(&calendar.zone).format("%d %b %H:%M %Z").to_string())
        .collect()
    }

    #[test]
    fn a_daily_job_runs_once_on_the_day_on_which_the_clocks_go_forward() {
        let on_the_day = |cron| dues(&london(cron), "2026-03-29T00:00:00Z", "2026-03-29T23:00:00Z");
        assert_eq!(on_the_day("30 1 * * *"), ["29 Mar 02:00 BST"]);
        assert_eq!(on_the_day("30 2 * * *"), ["29 Mar 02:30 BST"]);
        assert_eq!(on_the_day("30 5 * * *"), ["29 Mar 05:30 BST"]);
    }

    #[test]
    fn a_daily_job_runs_once_on_the_day_on_which_the_clocks_go_back() {
        let on_the_day = |cron| dues(&london(cron), "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z");
        assert_eq!(on_the_day("30 1 * * *"), ["25 Oct 01:30 BST"]);
        assert_eq!(on_the_day("30 2 * * *"), ["25 Oct 02:30 GMT"]);
        assert_eq!(on_the_day("30 5 * * *"), ["25 Oct 05:30 GMT"]);
    }

    #[test]
    fn a_daily_job_keeps_its_wall_time_after_the_clocks_change() {
        let march = dues(&london("30 5 * * *"), "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
        assert_eq!(march, ["28 Mar 05:30 GMT", "29 Mar 05:30 BST", "30 Mar 05:30 BST"]);
        let october = dues(&london("30 5 * * *"), "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z");
        assert_eq!(october, ["24 Oct 05:30 BST", "25 Oct 05:30 GMT", "26 Oct 05:30 GMT"]);
    }

    #[test]
    fn every_day_of_ten_years_has_one_run() {
        for cron in ["30 1 * * *", "30 2 * * *", "30 5 * * *", "0 0 * * *", "59 1 * * *"] {
            let calendar = london(cron);
            let mut due = at("2025-12-31T23:00:00Z");
            for day in
                NaiveDate::from_ymd_opt(2026, 1, 1).unwrap().iter_days().take_while(|d| d.year() < 2036)
            {
                due = calendar.due_after(due).unwrap();
                assert_eq!(due.with_timezone(&calendar.zone).date_naive(), day, "{cron}");
            }
        }
    }

    #[test]
    fn an_hourly_job_does_not_repeat_itself_in_the_repeated_hour() {
        let autumn = dues(&london("0 * * * *"), "2026-10-24T23:00:00Z", "2026-10-25T04:00:00Z");
        assert_eq!(autumn, ["25 Oct 00:00 BST", "25 Oct 01:00 BST", "25 Oct 02:00 GMT", "25 Oct 03:00 GMT"]);
        let spring = dues(&london("0 * * * *"), "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z");
        assert_eq!(spring, ["29 Mar 00:00 GMT", "29 Mar 02:00 BST", "29 Mar 03:00 BST"]);
    }

    #[test]
    fn the_second_half_of_the_repeated_hour_is_not_due_again() {
        let calendar = london("30 1 * * *");
        // 01:40 GMT, the clock showed 01:30 twice by then.
        assert_eq!(calendar.missed(Some(at("2026-10-25T00:30:00Z")), at("2026-10-25T01:40:00Z")), None);
        // 01:10 GMT: no 01:30 was ever done, and the first of the two has passed.
        assert_eq!(
            calendar.missed(Some(at("2026-10-24T00:30:00Z")), at("2026-10-25T01:10:00Z")),
            Some(at("2026-10-25T00:30:00Z"))
        );
        assert_eq!(calendar.due_after(at("2026-10-25T01:10:00Z")), Some(at("2026-10-26T01:30:00Z")));
    }

    #[test]
    fn nothing_is_due_while_the_clock_stands_before_the_last_run() {
        let calendar = london("30 5 * * *");
        let done = at("2026-06-10T04:30:00Z");
        assert_eq!(calendar.missed(Some(done), at("2026-06-10T01:35:00Z")), None);
        assert_eq!(calendar.missed(Some(done), at("2026-06-10T04:30:00Z")), None);
        assert_eq!(calendar.missed(Some(done), at("1970-01-01T00:00:00Z")), None);
    }

    #[test]
    fn days_of_downtime_are_caught_up_with_one_run() {
        let calendar = london("30 5 * * *");
        let due = calendar.missed(Some(at("2026-06-10T04:30:00Z")), at("2026-06-12T09:00:00Z")).unwrap();
        assert_eq!(due, at("2026-06-12T04:30:00Z"));
        assert_eq!(calendar.missed(Some(due), at("2026-06-12T09:00:00Z")), None);
    }

    #[test]
    fn a_first_run_is_due_at_once() {
        let calendar = london("30 5 * * *");
        assert_eq!(calendar.missed(None, at("2026-06-12T04:00:00Z")), Some(at("2026-06-11T04:30:00Z")));
    }

    #[test]
    fn a_run_is_due_from_its_second_on_and_not_before() {
        let calendar = london("30 5 * * *");
        let done = Some(at("2026-06-10T04:30:00Z"));
        assert_eq!(calendar.missed(done, at("2026-06-11T04:29:59.999Z")), None);
        assert_eq!(calendar.missed(done, at("2026-06-11T04:30:00.001Z")), Some(at("2026-06-11T04:30:00Z")));
        assert_eq!(calendar.due_after(at("2026-06-11T04:29:59.999Z")), Some(at("2026-06-11T04:30:00Z")));
    }

    #[test]
    fn a_time_that_was_left_out_with_its_whole_day_is_due_when_the_next_begins() {
        let calendar = Calendar::new("30 5 * * *", "Pacific/Apia").unwrap();
        let over_the_date_line = dues(&calendar, "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z");
        assert_eq!(over_the_date_line, ["29 Dec 05:30 -10", "31 Dec 00:00 +14", "31 Dec 05:30 +14"]);
    }

    #[test]
    fn a_schedule_that_cannot_be_kept_says_what_was_expected() {
        let message = |cron, zone| {
            let error = Calendar::new(cron, zone).unwrap_err();
            (error.is_time_zone(), error.to_string())
        };
        let cases = [
            message("5:30", "Europe/London"),
            message("0 30 5 * * *", "Europe/London"),
            message("61 5 * * *", "Europe/London"),
            message("30 5 * * moon", "Europe/London"),
            message("", "Europe/London"),
            message("30 5 30 2 *", "Europe/London"),
            message("30 5 * * *", "London"),
        ];
        assert_eq!(
            cases.each_ref().map(|(is_time_zone, _)| *is_time_zone),
            [false, false, false, false, false, false, true]
        );
        insta::assert_snapshot!(cases.map(|(_, message)| message).join("\n"), @r"
        expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found `5:30`: 5 fields are needed, not 1
        expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found `0 30 5 * * *`: 5 fields are needed, not 6
        expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found `61 5 * * *`: number out of bounds
        expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found `30 5 * * moon`: contains illegal character 'M' in part 'MOON'
        expected a cron expression (minute, hour, day of month, month, day of week) such as `30 5 * * *`, found ``: 5 fields are needed, not 0
        expected a cron expression that names a day of the calendar, such as `30 5 * * *`, found `30 5 30 2 *`
        expected the IANA name of a time zone such as `Europe/London`, found `London`
        ");
    }

    proptest! {
        #[test]
        fn no_text_brings_the_calendar_down(cron in "[0-9*/,LW#?+-]{1,6}( [0-9*/,LW#?+A-Z-]{1,6}){4}|\\PC{0,30}") {
            if let Ok(calendar) = Calendar::new(&cron, "Europe/London") {
                let now = at("2026-03-29T00:59:59Z");
                prop_assert!(calendar.due_after(now).is_some());
                prop_assert!(calendar.missed(None, now).is_some());
            }
        }

        #[test]
        fn what_is_due_next_is_what_was_missed_once_it_has_passed(
            seconds in 1_735_689_600_i64..1_893_456_000,
            cron in prop::sample::select(vec!["30 1 * * *", "*/15 * * * *", "7 1-3 * * 0", "0 0 1 * *"]),
            zone in prop::sample::select(vec!["Europe/London", "Australia/Lord_Howe", "America/New_York", "UTC"]),
        ) {
            let calendar = Calendar::new(cron, zone).unwrap();
            let last = DateTime::from_timestamp(seconds, 0).unwrap();
            let due = calendar.due_after(last).unwrap();
            prop_assert!(due > last);
            prop_assert_eq!(calendar.missed(Some(last), due - TimeDelta::seconds(1)), None);
            prop_assert_eq!(calendar.missed(Some(last), due), Some(due));
            prop_assert_eq!(calendar.missed(None, due), Some(due));
            prop_assert_eq!(calendar.missed(Some(due), due), None);
        }
    }
}
