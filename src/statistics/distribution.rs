//! The distributions that the methods stand on.

use statrs::distribution::{ChiSquared, Continuous, ContinuousCDF, Normal, StudentsT};

/// How sure an interval is, as a share: 0.95 for 95%.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

impl Confidence {
    /// 95%, the usual one.
    pub const P95: Self = Self(0.95);
    /// 99.8%, which public health puts beside it: three standard errors.
    pub const P998: Self = Self(0.998);

    /// A confidence between 0 and 1, both excluded.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// As a share, such as 0.95.
    #[must_use]
    pub fn share(self) -> f64 {
        self.0
    }

    /// The share below the upper limit: 0.975 for 95%.
    pub(super) fn upper_tail(self) -> f64 {
        self.0 + (1.0 - self.0) / 2.0
    }

    /// The share below the lower limit: 0.025 for 95%.
    pub(super) fn lower_tail(self) -> f64 {
        (1.0 - self.0) / 2.0
    }

    /// The standard normal quantile of the upper limit: 1.96 for 95%.
    #[must_use]
    pub fn z(self) -> f64 {
        normal_quantile(self.upper_tail())
    }
}

/// The standard normal quantile of a probability within 0..1.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability.clamp(0.0, 1.0))
}

/// The share of the standard normal distribution that lies at least as far from 0 as `z`, on both sides.
pub(super) fn normal_two_sided(z: f64) -> f64 {
    let half_square = z * z / 2.0;
    if half_square == 0.0 {
        return 1.0;
    }
    // The library's error function holds ten digits, its gamma function all of them. What it refuses is infinite.
    statrs::function::gamma::checked_gamma_ur(0.5, half_square).unwrap_or(0.0)
}

/// The chi-squared quantile, to full precision in both tails. 0 without degrees of freedom.
pub(super) fn chi_squared_quantile(probability: f64, degrees: f64) -> f64 {
    let probability = probability.clamp(0.0, 1.0);
    let Ok(chi) = ChiSquared::new(degrees) else { return 0.0 };
    // Wilson and Hilferty's approximation (1931) is close for many degrees, for which the library searches long.
    let spread = 2.0 / (9.0 * degrees);
    let approximation = degrees * (1.0 - spread + normal_quantile(probability) * spread.sqrt()).powi(3);
    let shape = degrees / 2.0;
    // Near 0 the distribution is the first term of its series, x^a / gamma(a + 1), where the library finds nothing.
    let first_term =
        2.0 * ((probability.ln() + statrs::function::gamma::ln_gamma(shape + 1.0)) / shape).exp();
    let mut quantile = if degrees >= 30.0 && approximation > 0.0 {
        approximation
    } else if first_term < 1e-3 {
        first_term
    } else {
        chi.inverse_cdf(probability)
    };
    if quantile < 1e-18 {
        // What the series leaves out is less than any digit.
        return quantile;
    }
    // Both are coarse; a few steps of Newton's method on the logarithms give every digit, in either tail.
    for _ in 0..8 {
        let (tail, wanted, sign) = if probability < 0.5 {
            (chi.cdf(quantile), probability, 1.0)
        } else {
            (chi.sf(quantile), 1.0 - probability, -1.0)
        };
        let slope = sign * quantile * chi.ln_pdf(quantile).exp() / tail;
        let step = (wanted / tail).ln() / slope;
        // At the end of a tail there is nothing left to divide by.
        if !step.is_finite() || step.abs() > 50.0 {
            return quantile;
        }
        quantile *= step.exp();
        // Each step doubles the digits.
        if step.abs() < 1e-8 {
            return quantile;
        }
    }
    quantile
}

/// Student's t quantile; `None` without degrees of freedom.
pub(super) fn t_quantile(probability: f64, degrees: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, degrees).ok().map(|t| t.inverse_cdf(probability.clamp(0.0, 1.0)))
}

/// The share of Student's t that lies at least as far from 0 as `t`, on both sides; `None` without degrees of freedom.
pub(super) fn t_two_sided(t: f64, degrees: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, degrees).ok().map(|distribution| 2.0 * distribution.cdf(-t.abs()))
}

/// The logarithm of the chance of `k` successes in `n` trials with chance `p` each, with full precision for large `n`.
///
/// Source: C. Loader (2000), Fast and accurate computation of binomial probabilities.
pub(super) fn ln_binomial_pmf(k: f64, n: f64, p: f64) -> f64 {
    let q = 1.0 - p;
    if k <= 0.0 {
        return n * (-p).ln_1p();
    }
    if k >= n {
        return n * p.ln();
    }
    let deviance = -deviance(k, n * p) - deviance(n - k, n * q);
    let stirling = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    stirling + deviance + 0.5 * (n / (std::f64::consts::TAU * k * (n - k))).ln()
}

/// `x ln(x/m) + m - x` without cancellation where the two are close.
fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = difference / (x + m);
    let mut total = difference * v;
    let mut term = 2.0 * x * v;
    for step in 1..1000 {
        term *= v * v;
        let next = total + term / f64::from(2 * step + 1);
        if (next - total).abs() <= f64::EPSILON * next.abs() {
            return next;
        }
        total = next;
    }
    total
}

/// What Stirling's formula leaves out of `ln(n!)`.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let whole = statrs::function::gamma::ln_gamma(n + 1.0);
        return whole - (n + 0.5) * n.ln() + n - 0.5 * std::f64::consts::TAU.ln();
    }
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, wanted: f64, within: f64) -> bool {
        (got - wanted).abs() <= within * wanted.abs()
    }

    #[test]
    fn quantiles_agree_with_printed_tables() {
        assert!(close(Confidence::P95.z(), 1.959_963_984_540_054, 1e-15));
        assert!(close(Confidence::P998.z(), 3.090_232_306_167_813, 1e-14));
        assert!(close(t_quantile(0.975, 10.0).unwrap(), 2.228_138_851_986_274, 1e-12));
        assert!(close(chi_squared_quantile(0.998, 1.0), 9.549_535_706_083_24, 1e-12));
        // Twice the inverse regularised gamma function, of an independent library, far out in either tail.
        assert!(close(chi_squared_quantile(0.00005, 0.6), 6.421_910_775_428_387e-15, 1e-11));
        assert!(close(chi_squared_quantile(0.99995, 4.0), 25.013_342_570_385_227, 1e-12));
        // SciPy's `chi2.ppf`, where almost all lies at 0.
        assert!(close(chi_squared_quantile(0.025, 0.02), 7.045_371_994_627_437e-161, 1e-10));
        assert!(close(chi_squared_quantile(0.025, 0.2), 1.158_342_049_104_294_1e-16, 1e-11));
        assert!(close(chi_squared_quantile(0.0005, 1.0), 3.926_991_331_029_226_5e-7, 1e-11));
    }

    #[test]
    fn what_lies_on_both_sides_agrees_with_an_independent_library() {
        for (z, wanted) in [
            (0.0, 1.0),
            (0.72, 0.471_524_995_558_502_36),
            (1.0, 0.317_310_507_862_914_15),
            (-1.96, 0.049_995_790_296_440_87),
            (3.0, 0.002_699_796_063_260_186_6),
            (8.0, 1.244_192_114_854_348e-15),
            (30.0, 9.813_427_854_295_816e-198),
            (f64::INFINITY, 0.0),
        ] {
            assert!(close(normal_two_sided(z), wanted, 1e-12), "{z}: {}", normal_two_sided(z));
        }
        assert!(normal_two_sided(f64::NAN).is_nan());
    }

    #[test]
    fn a_confidence_lies_between_none_and_all() {
        for share in [0.0, 1.0, 95.0, -0.1, f64::NAN] {
            assert_eq!(Confidence::new(share), None);
        }
        assert_eq!(Confidence::new(0.998), Some(Confidence::P998));
    }

    #[test]
    fn the_chances_of_all_outcomes_add_up_to_one() {
        for (n, p) in [(10_u32, 0.3), (200, 0.01), (5000, 0.5)] {
            let all: f64 = (0..=n).map(|k| ln_binomial_pmf(f64::from(k), f64::from(n), p).exp()).sum();
            assert!(close(all, 1.0, 1e-12), "{n} {p}: {all}");
        }
        // 252 of 1024 ways.
        assert!(close(ln_binomial_pmf(5.0, 10.0, 0.5).exp(), 252.0 / 1024.0, 1e-13));
    }
}
