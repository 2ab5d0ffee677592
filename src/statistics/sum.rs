//! Sums and means that do not lose digits.

/// The sum with a running compensation of what rounding loses.
///
/// Source: A. Neumaier (1974), Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54, 39-51.
pub(super) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = total + value;
        lost += if total.abs() >= value.abs() { (total - next) + value } else { (value - next) + total };
        total = next;
    }
    total + lost
}

/// The mean; of equal values exactly that value, so that a flat series lies on its mean. `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    #[expect(clippy::float_cmp, reason = "equal means equal here")]
    if values.iter().all(|value| *value == first) {
        return Some(first);
    }
    Some(sum(values.iter().copied()) / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the point of the sum")]
    fn what_rounding_would_lose_is_kept() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(mean(&[0.1; 13]), Some(0.1));
        assert_eq!(mean(&[]), None);
    }
}
