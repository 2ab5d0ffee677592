//! Which target a figure is held against, and what it asks for in a period.

use super::settings::{TargetConfig, TargetsConfig};
use crate::period::Period;
use crate::statistics::target::{Tolerance, on_trajectory};

impl TargetConfig {
    /// Whether a figure of this area, breakdown and period is held against it.
    #[must_use]
    pub fn covers(&self, area: &str, breakdown: &str, period: Period) -> bool {
        self.area == area
            && self.breakdown == breakdown
            && self.period == period.kind
            && (self.from..=self.to).contains(&period.last)
    }

    /// Whether it is a straight line rather than one value.
    #[must_use]
    pub fn is_trajectory(&self) -> bool {
        self.trajectory.is_some()
    }

    /// What it asks for in a period; `base` is the outturn of its base period. `None` where that is needed and missing.
    #[must_use]
    pub fn at(&self, period: Period, base: Option<f64>) -> Option<f64> {
        if let Some(value) = self.value {
            return Some(value);
        }
        if let Some(change) = self.change_percent {
            return base.map(|base| base * (1.0 + change / 100.0));
        }
        let line = self.trajectory?;
        let length = f64::from(self.to.since(self.from));
        let time = f64::from(period.last.since(self.from));
        // A line within one month has no length: its end is the target.
        on_trajectory((0.0, line.from_value), (length, line.to_value), time).or(Some(line.to_value))
    }

    /// How far it may be missed and still be amber; nothing where no tolerance was approved.
    #[must_use]
    pub fn allows(&self) -> Option<Tolerance> {
        self.tolerance.map(Tolerance::Units).or(self.tolerance_percent.map(Tolerance::Percent))
    }

    /// Whether both speak of the same figures, so that the one that was approved later takes the place of the other.
    #[must_use]
    pub fn replaces(&self, earlier: &Self) -> bool {
        self.area == earlier.area
            && self.breakdown == earlier.breakdown
            && self.period == earlier.period
            && self.from <= earlier.to
            && earlier.from <= self.to
            && self.approved_on > earlier.approved_on
    }
}

impl TargetsConfig {
    /// The target that a figure is held against: of those that cover it the one that was approved last on or before the
    /// period's last day; else, for a period that was over before anything was approved, the one approved first.
    #[must_use]
    pub fn of(&self, area: &str, breakdown: &str, period: Period) -> Option<&TargetConfig> {
        let covering = || self.target.iter().filter(|target| target.covers(area, breakdown, period));
        let ends = period.last.last_day();
        covering()
            .filter(|target| target.approved_on <= ends)
            .max_by_key(|target| target.approved_on)
            .or_else(|| covering().min_by_key(|target| target.approved_on))
    }

    /// The day from which another target stands in a target's place; `None` while none does.
    #[must_use]
    pub fn superseded_on(&self, target: &TargetConfig) -> Option<chrono::NaiveDate> {
        let later = self.target.iter().filter(|other| other.replaces(target));
        later.map(|other| other.approved_on).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assess::settings::TrajectoryConfig;
    use crate::period::PeriodKind;

    fn target(approved_on: &str, value: f64) -> TargetConfig {
        TargetConfig {
            area: "A".into(),
            breakdown: "all".into(),
            period: PeriodKind::FinancialYear,
            from: "2024-04".parse().unwrap(),
            to: "2028-03".parse().unwrap(),
            value: Some(value),
            trajectory: None,
            change_percent: None,
            base: None,
            tolerance: None,
            tolerance_percent: None,
            source: String::new(),
            approved_by: String::new(),
            approved_on: approved_on.parse().unwrap(),
            note: String::new(),
        }
    }

    fn year(text: &str) -> Period {
        text.parse().unwrap()
    }

    #[test]
    fn a_later_approval_stands_from_its_day_and_leaves_earlier_years_to_the_earlier_target() {
        let targets = TargetsConfig {
            measure: "m".into(),
            target: vec![target("2026-06-10", 80.0), target("2024-06-01", 100.0)],
        };
        let value = |period: &str| targets.of("A", "all", year(period)).and_then(|target| target.value);
        // 2025/26 ends on 31 March 2026, before the second approval; 2026/27 after it.
        assert_eq!(
            [value("2024/25"), value("2025/26"), value("2026/27")],
            [Some(100.0), Some(100.0), Some(80.0)]
        );
        assert_eq!(value("2028/29"), None);
        assert_eq!(targets.of("B", "all", year("2025/26")), None);
        assert_eq!(targets.superseded_on(&targets.target[1]), "2026-06-10".parse().ok());
        assert_eq!(targets.superseded_on(&targets.target[0]), None);
    }

    #[test]
    fn a_year_that_was_over_before_the_first_approval_is_held_against_it() {
        let targets = TargetsConfig { measure: "m".into(), target: vec![target("2025-06-01", 100.0)] };
        assert_eq!(targets.of("A", "all", year("2024/25")).and_then(|target| target.value), Some(100.0));
    }

    #[test]
    fn a_straight_line_asks_for_its_share_and_a_change_for_a_share_of_its_base() {
        let mut line = target("2024-06-01", 0.0);
        line.value = None;
        line.from = "2025-03".parse().unwrap();
        line.trajectory = Some(TrajectoryConfig { from_value: 100.0, to_value: 70.0 });
        // Three years from March 2025 to March 2028: ten a year.
        assert_eq!(line.at(year("2024/25"), None), Some(100.0));
        assert_eq!(line.at(year("2025/26"), None), Some(90.0));
        assert_eq!(line.at(year("2027/28"), None), Some(70.0));
        let mut change = target("2024-06-01", 0.0);
        (change.value, change.change_percent) = (None, Some(-10.0));
        assert_eq!(change.at(year("2025/26"), Some(200.0)), Some(180.0));
        assert_eq!(change.at(year("2025/26"), None), None);
    }
}
