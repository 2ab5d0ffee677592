//! What follows from published sums by addition and subtraction: elimination modulo a prime, with nothing of the product
//! in it.

const PRIME: u64 = 1_000_000_007;

fn power(base: u64, mut exponent: u64) -> u64 {
    let (mut base, mut result) = (base, 1);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent /= 2;
    }
    result
}

/// What follows from published sums: rows in echelon form, modulo a prime.
#[derive(Default)]
pub(crate) struct Span {
    rows: Vec<(usize, Vec<u64>)>,
}

impl Span {
    fn reduce(&self, vector: &[u64]) -> Vec<u64> {
        let mut left = vector.to_vec();
        for (lead, row) in &self.rows {
            let factor = left[*lead];
            if factor != 0 {
                for (of, by) in left.iter_mut().zip(row) {
                    *of = (*of + (PRIME - factor) * by) % PRIME;
                }
            }
        }
        left
    }

    pub(crate) fn add(&mut self, vector: &[u64]) {
        let left = self.reduce(vector);
        if let Some(lead) = left.iter().position(|part| *part != 0) {
            let inverse = power(left[lead], PRIME - 2);
            self.rows.push((lead, left.iter().map(|part| part * inverse % PRIME).collect()));
        }
    }

    /// Whether the sum is told by the published ones.
    pub(crate) fn tells(&self, vector: &[u64]) -> bool {
        self.reduce(vector).iter().all(|part| *part == 0)
    }
}
