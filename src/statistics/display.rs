//! What a cell of a table for people says: rounded numbers, the government's shorthand, and status markers.
//!
//! Sources: Government Analysis Function, Using symbols and shorthand, and Releasing statistics in spreadsheets;
//! `StatsWales`, Shorthand for labelling data values. Vectors: `display_shorthand`, `round_to_base`.

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shown {
    /// A number.
    Value(f64),
    /// Not available; `[x]`.
    NotAvailable,
    /// Withheld because it could identify someone; `[c]`. The number is not here, so that it cannot be shown.
    Confidential,
    /// The question has no answer here; `[z]`.
    NotApplicable,
    /// A survey in which nobody said so; `[w]`.
    NoneRecorded,
    /// Too few answers or cases for a number; `[u]`.
    LowReliability,
}

/// What a reader has to know about a number, in the order in which markers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flag {
    /// A break in the series; `[b]`.
    Break,
    /// Estimated; `[e]`.
    Estimated,
    /// A forecast; `[f]`.
    Forecast,
    /// May still change; `[p]`.
    Provisional,
    /// Has changed since it was first published; `[r]`.
    Revised,
    /// Stands on few events or answers; `[u]`.
    LowReliability,
}

impl Flag {
    /// Every flag, in the order in which markers stand.
    pub const ALL: [Self; 6] = [
        Self::Break,
        Self::Estimated,
        Self::Forecast,
        Self::Provisional,
        Self::Revised,
        Self::LowReliability,
    ];

    /// The word in tables for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Break => "break",
            Self::Estimated => "estimated",
            Self::Forecast => "forecast",
            Self::Provisional => "provisional",
            Self::Revised => "revised",
            Self::LowReliability => "low_reliability",
        }
    }

    /// The marker in tables for people.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::Break => "[b]",
            Self::Estimated => "[e]",
            Self::Forecast => "[f]",
            Self::Provisional => "[p]",
            Self::Revised => "[r]",
            Self::LowReliability => "[u]",
        }
    }
}

/// The text of a cell: the number to so many decimals, or what stands for it, and behind a space the markers of its flags,
/// each once and in their order.
#[must_use]
pub fn text(shown: Shown, decimals: usize, flags: &[Flag]) -> String {
    let mut text = match shown {
        Shown::Value(value) if value.is_finite() => number(value, decimals),
        Shown::Value(_) | Shown::NotAvailable => "[x]".to_owned(),
        Shown::Confidential => "[c]".to_owned(),
        Shown::NotApplicable => "[z]".to_owned(),
        Shown::NoneRecorded => "[w]".to_owned(),
        Shown::LowReliability => "[u]".to_owned(),
    };
    let markers: String =
        Flag::ALL.into_iter().filter(|flag| flags.contains(flag)).map(Flag::marker).collect();
    if !markers.is_empty() {
        text.push(' ');
        text.push_str(&markers);
    }
    text
}

/// A number with thousands commas, rounded half away from zero on its shortest decimal form; `[low]` for what is not zero
/// but rounds to it.
#[must_use]
pub fn number(value: f64, decimals: usize) -> String {
    let (whole, fraction) = rounded(value.abs(), decimals);
    let zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
    if zero && value != 0.0 {
        return "[low]".to_owned();
    }
    let mut text = String::new();
    if value < 0.0 {
        text.push('-');
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if decimals > 0 {
        text.push('.');
        text.push_str(&fraction);
    }
    text
}

/// The digits before and after the point of a number that is not negative, rounded half up on its shortest decimal form.
fn rounded(value: f64, decimals: usize) -> (String, String) {
    // `{}` writes the shortest digits that read back as the same number, without an exponent.
    let shortest = value.to_string();
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let up = fraction.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes().take(decimals)).collect();
    digits.resize(whole.len() + decimals, b'0');
    let mut carry = up;
    for digit in digits.iter_mut().rev() {
        if !carry {
            break;
        }
        carry = *digit == b'9';
        *digit = if carry { b'0' } else { *digit + 1 };
    }
    if carry {
        digits.insert(0, b'1');
    }
    let fraction = digits.split_off(digits.len() - decimals);
    let text = |digits: Vec<u8>| digits.into_iter().map(char::from).collect::<String>();
    (text(digits), text(fraction))
}

/// The nearest multiple of a base, halves up; totals are rounded from the total, never added from rounded parts. A count
/// that rounds to 0 without being it is shown as `[low]`. `None` for a negative count and without a base.
#[must_use]
pub fn round_to_base(count: f64, base: f64) -> Option<f64> {
    if !(count >= 0.0 && base > 0.0 && count.is_finite() && base.is_finite()) {
        return None;
    }
    let below = (count / base).floor() * base;
    Some(if (count - below) * 2.0 >= base { below + base } else { below })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carry_runs_through_every_digit() {
        assert_eq!(number(999.95, 1), "1,000.0");
        assert_eq!(number(0.999, 0), "1");
        assert_eq!(number(-1234.5, 0), "-1,235");
        assert_eq!(number(1e21, 0), "1,000,000,000,000,000,000,000");
        assert_eq!(number(1e-7, 2), "[low]");
        assert_eq!(number(-0.0, 0), "0");
        // 2.675 is stored as a little less, but reads and rounds as what was written.
        assert_eq!(number(2.675, 2), "2.68");
    }

    #[test]
    fn a_withheld_cell_has_no_number_to_show_and_keeps_its_markers_in_order() {
        assert_eq!(text(Shown::Confidential, 0, &[Flag::LowReliability, Flag::Break]), "[c] [b][u]");
        assert_eq!(text(Shown::NoneRecorded, 0, &[]), "[w]");
        assert_eq!(text(Shown::Value(f64::NAN), 0, &[]), "[x]");
    }
}
