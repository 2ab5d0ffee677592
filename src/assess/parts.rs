//! Work over many figures, shared out among the processors.

use std::ops::Range;
use std::thread;

/// Fewer items than this are not worth a thread.
const WORTH: usize = 4096;

/// Does a job over the numbers from 0 to `count` in neighbouring parts, on as many threads as there are processors, and
/// gives what the parts give, in their order. Each number stands for `each` items of work.
pub(super) fn in_parts<T: Send>(
    count: usize,
    each: usize,
    job: impl Fn(Range<usize>) -> Vec<T> + Sync,
) -> Vec<T> {
    let worthwhile = count.saturating_mul(each) / WORTH;
    let threads = crate::processors::available().min(worthwhile).min(count);
    if threads < 2 {
        return job(0..count);
    }
    let (size, job) = (count.div_ceil(threads), &job);
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || job((part * size).min(count)..((part + 1) * size).min(count))))
            .collect();
        let mut all = Vec::with_capacity(count);
        for part in running {
            match part.join() {
                Ok(found) => all.extend(found),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_in_order_whole_and_once() {
        for count in [0, 1, 2, 3, 10, WORTH, 3 * WORTH + 1] {
            for each in [1, WORTH] {
                let all = in_parts(count, each, |range| range.map(|number| number * 3).collect());
                assert_eq!(all, (0..count).map(|number| number * 3).collect::<Vec<_>>());
            }
        }
    }
}
