//! Where cells lie: areas by breakdowns by periods. A hint that speeds up the search, and changes nothing that is proven.
//!
//! A change that keeps every sum along one axis, spread over a change that keeps every sum along another, keeps the sums
//! of both. So a change of one cell is put together axis by axis: up in one month and down in the next, in one area and
//! the other way round in its neighbour.

use super::board::Board;
use super::search::NEVER;

/// No cell at this place.
pub const NOWHERE: u32 = u32::MAX;

/// One way in which cells are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// Parts and wholes: by coordinate, the coordinate of the whole it belongs to.
    Tree(Vec<Option<u32>>),
    /// Stretches of time: by coordinate, after how many months it begins and ends; a sum holds wherever stretches join.
    Line(Vec<(u32, u32)>),
}

/// Cells laid out along axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lattice {
    /// The axes.
    pub axes: Vec<Axis>,
    /// The cell at each place, the last axis running fastest; [`NOWHERE`] where there is none.
    pub cells: Vec<u32>,
}

impl Axis {
    fn len(&self) -> usize {
        match self {
            Self::Tree(wholes) => wholes.len(),
            Self::Line(stretches) => stretches.len(),
        }
    }

    /// By coordinate, the changes along this axis alone that raise it by one and keep every sum.
    fn ways(&self) -> Vec<Vec<Way>> {
        match self {
            Self::Tree(wholes) => tree_ways(wholes),
            Self::Line(stretches) => (0..stretches.len()).map(|at| line_ways(stretches, at)).collect(),
        }
    }
}

/// Coordinates along one axis, each with the sign of its change; the one that is to be raised comes first.
type Way = Vec<(u32, i32)>;

/// How many ways of one coordinate are kept.
const WAYS: usize = 64;

fn tree_ways(wholes: &[Option<u32>]) -> Vec<Vec<Way>> {
    let path = |leaf: usize| {
        let (mut path, mut at) = (Vec::new(), u32::try_from(leaf).ok());
        while let Some(here) = at.filter(|_| path.len() <= wholes.len()) {
            path.push(here);
            at = wholes.get(here as usize).copied().flatten();
        }
        path
    };
    let mut is_whole = vec![false; wholes.len()];
    for whole in wholes.iter().flatten() {
        if let Some(is_whole) = is_whole.get_mut(*whole as usize) {
            *is_whole = true;
        }
    }
    let leaves: Vec<Vec<u32>> = (0..wholes.len()).filter(|at| !is_whole[*at]).map(path).collect();
    let difference = |up: &[u32], down: &[u32]| {
        let mut way: Way = up.iter().filter(|at| !down.contains(at)).map(|at| (*at, 1)).collect();
        way.extend(down.iter().filter(|at| !up.contains(at)).map(|at| (*at, -1)));
        way
    };
    (0..wholes.len())
        .map(|at| {
            let at = u32::try_from(at).unwrap_or(NOWHERE);
            let mut ways = Vec::new();
            for up in leaves.iter().filter(|path| path.contains(&at)) {
                ways.push(difference(up, &[]));
                let others = leaves.iter().filter(|path| !path.contains(&at));
                ways.extend(others.take(WAYS).map(|down| difference(up, down)));
            }
            // The shortest first: nearest neighbours.
            ways.sort_by_key(Vec::len);
            ways.truncate(WAYS);
            for way in &mut ways {
                way.sort_by_key(|(coordinate, _)| *coordinate != at);
            }
            ways
        })
        .collect()
}

/// How many months a change along time may reach before it is let go to the end.
const REACH: u32 = 11;

fn line_ways(stretches: &[(u32, u32)], own: usize) -> Vec<Way> {
    let Some((begin, end)) = stretches.get(own).copied() else { return Vec::new() };
    let last = stretches.iter().map(|stretch| stretch.1).max().unwrap_or_default();
    // Everything counted up to a month goes up by one, from one month to another: stretches that begin or end between
    // change, all others do not.
    let shift = |from: u32, to: u32, sign: i32| {
        let within = |node: u32| i32::from(from <= node && node <= to);
        let change = |(begin, end): &(u32, u32)| sign * (within(*end) - within(*begin));
        let mut way: Way = (0..)
            .zip(stretches)
            .map(|(at, stretch)| (at, change(stretch)))
            .filter(|(_, sign)| *sign != 0)
            .collect();
        way.sort_by_key(|(at, _)| *at as usize != own);
        way
    };
    let mut ways: Vec<Way> = Vec::new();
    for reach in 0..=REACH {
        if end + reach < last && end + reach < begin + 12 * 12 {
            ways.push(shift(end, end + reach, 1));
        }
        if reach < begin {
            ways.push(shift(begin - reach, begin, -1));
        }
    }
    ways.push(shift(end, last, 1));
    ways.push(shift(0, begin, -1));
    ways.sort();
    ways.dedup();
    ways.sort_by_key(Vec::len);
    ways
}

/// A lattice; by axis and coordinate, the ways along it; by axis, how far apart neighbours stand.
type Hint<'a> = (&'a Lattice, Vec<Vec<Vec<Way>>>, Vec<usize>);

/// Lattices with what is worked out once: the ways along each axis, and where each cell lies.
#[derive(Debug, Default)]
pub(super) struct Hints<'a> {
    lattices: Vec<Hint<'a>>,
    /// By cell of the problem, its lattice and place.
    place: Vec<(u32, u32)>,
    /// By cell of the problem, its place in the group at work.
    within: Vec<u32>,
    /// By cell of the problem, whether there is a count.
    counted: Vec<bool>,
}

impl<'a> Hints<'a> {
    pub(super) fn new(lattices: &'a [Lattice], counted: Vec<bool>) -> Self {
        let mut hints = Self {
            place: vec![(NOWHERE, NOWHERE); counted.len()],
            within: vec![NOWHERE; counted.len()],
            counted,
            lattices: Vec::new(),
        };
        for (number, lattice) in (0..).zip(lattices) {
            let mut strides = vec![1; lattice.axes.len()];
            for axis in (1..lattice.axes.len()).rev() {
                strides[axis - 1] = strides[axis] * lattice.axes[axis].len();
            }
            for (place, cell) in (0..).zip(&lattice.cells) {
                if let Some(found) = hints.place.get_mut(*cell as usize) {
                    *found = (number, place);
                }
            }
            hints.lattices.push((lattice, lattice.axes.iter().map(Axis::ways).collect(), strides));
        }
        hints
    }

    /// Turns to a group.
    pub(super) fn enter(&mut self, cells: &[u32]) {
        if self.lattices.is_empty() {
            return;
        }
        for (at, cell) in (0..).zip(cells) {
            self.within[*cell as usize] = at;
        }
    }

    /// Leaves it.
    pub(super) fn leave(&mut self, cells: &[u32]) {
        if self.lattices.is_empty() {
            return;
        }
        for cell in cells {
            self.within[*cell as usize] = NOWHERE;
        }
    }

    /// Whether there is anything to go by.
    pub(super) fn is_empty(&self) -> bool {
        self.lattices.is_empty()
    }

    /// The cheapest change by `by` of a cell that can be put together axis by axis: its price and steps.
    ///
    /// `cell` is of the problem; steps are by place in the group. Other sums than those of the lattice are not looked at.
    pub(super) fn find(
        &self,
        board: &Board<'_>,
        cell: u32,
        by: i64,
        prices: Option<&[u32]>,
    ) -> Option<(u64, Vec<(u32, i64)>)> {
        let (number, place) = *self.place.get(cell as usize)?;
        let (lattice, ways, strides) = self.lattices.get(number as usize)?;
        let coordinate = |axis: usize| place as usize / strides[axis] % lattice.axes[axis].len();
        let start = *self.within.get(cell as usize).filter(|at| **at != NOWHERE)?;
        if !board.admits(start, board.value(start) + by) {
            return None;
        }
        // Cells that change so far, each with its sign, for the few cheapest choices on the axes looked at so far.
        let mut beam: Vec<(u64, Vec<(u32, i32)>)> = vec![(0, vec![(place, 1)])];
        for axis in (0..lattice.axes.len()).rev() {
            let here = coordinate(axis);
            let mut next: Vec<(u64, Vec<(u32, i32)>)> = Vec::new();
            for (before, places) in &beam {
                for way in &ways[axis][here] {
                    let below = if next.len() < BEAM { u64::MAX } else { next[BEAM - 1].0 };
                    let Some(price) = self.price(
                        board,
                        lattice,
                        (*before, places, way),
                        (here, strides[axis]),
                        by,
                        prices,
                        below,
                    ) else {
                        continue;
                    };
                    let spread = spread(places, way, here, strides[axis]).collect();
                    let at = next.partition_point(|(least, _)| *least <= price);
                    next.insert(at, (price, spread));
                    next.truncate(BEAM);
                }
            }
            beam = next;
        }
        let (price, places) = beam.into_iter().next()?;
        let steps = places
            .iter()
            .filter_map(|(place, sign)| {
                let cell = *lattice.cells.get(*place as usize)?;
                let at = *self.within.get(cell as usize)?;
                (at != NOWHERE).then_some((at, i64::from(*sign) * by))
            })
            .collect();
        Some((price, steps))
    }

    /// What a spread costs; `None` when it cannot be, or costs `below` or more.
    #[expect(clippy::too_many_arguments, reason = "the innermost loop, with what its caller has at hand")]
    fn price(
        &self,
        board: &Board<'_>,
        lattice: &Lattice,
        (before, places, way): (u64, &[(u32, i32)], &Way),
        (here, stride): (usize, usize),
        by: i64,
        prices: Option<&[u32]>,
        below: u64,
    ) -> Option<u64> {
        // The first of a way is the place itself, which has been looked at.
        let (mut sum, way) = (before, way.get(1..).unwrap_or_default());
        for (place, sign) in spread(places, way, here, stride) {
            let cell = lattice.cells[place as usize];
            if cell == NOWHERE || !self.counted[cell as usize] {
                continue;
            }
            let at = self.within[cell as usize];
            if at == NOWHERE {
                return None;
            }
            let value = board.value(at) + i64::from(sign) * by;
            if board.is_open(at) {
                if !board.admits(at, value) {
                    return None;
                }
            } else {
                match prices.map(|prices| prices[at as usize]) {
                    None | Some(NEVER) => return None,
                    Some(_) if value < 0 => return None,
                    Some(price) => sum += u64::from(price),
                }
                if sum >= below {
                    return None;
                }
            }
        }
        Some(sum)
    }
}

/// How many choices are carried from axis to axis.
const BEAM: usize = 4;

/// A change along one axis, at every place of a change along others.
fn spread<'a>(
    places: &'a [(u32, i32)],
    way: &'a [(u32, i32)],
    here: usize,
    stride: usize,
) -> impl Iterator<Item = (u32, i32)> + 'a {
    places.iter().flat_map(move |(place, sign)| {
        way.iter().map(move |(coordinate, change)| {
            let at = *place as usize + *coordinate as usize * stride - here * stride;
            (super::net::index(at), sign * change)
        })
    })
}
