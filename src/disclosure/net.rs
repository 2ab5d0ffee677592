//! Who is tied to whom: relations and cells as two lists of neighbours, split into groups that do not touch.

use super::{Cell, DisclosureError, LARGEST, Problem, Relation};

/// A neighbour: the relation of a cell or the cell of a relation, with the side on which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term {
    /// Index of the neighbour.
    pub(super) at: u32,
    /// 1 for a part, -1 for a total.
    pub(super) sign: i32,
}

/// The members of a relation in order, and what they add up to.
type Row = (Vec<Term>, i64);

/// Relations over cells `0..cells`; only cells whose value is open occur.
#[derive(Debug, Default)]
pub(super) struct Net {
    relation_start: Vec<u32>,
    members: Vec<Term>,
    cell_start: Vec<u32>,
    relations: Vec<Term>,
    /// By relation, what the signed values of its members add up to; follows from the cells that are not open.
    pub(super) sums: Vec<i64>,
}

impl Net {
    /// Out of relations as sorted lists of members.
    fn new(cells: usize, rows: &[Row]) -> Self {
        let mut net = Self {
            relation_start: vec![0],
            cell_start: vec![0; cells + 1],
            sums: rows.iter().map(|(_, sum)| *sum).collect(),
            ..Self::default()
        };
        for (row, _) in rows {
            net.members.extend_from_slice(row);
            net.relation_start.push(index(net.members.len()));
            for term in row {
                net.cell_start[term.at as usize + 1] += 1;
            }
        }
        for cell in 0..cells {
            net.cell_start[cell + 1] += net.cell_start[cell];
        }
        let mut free = net.cell_start.clone();
        net.relations = vec![Term { at: 0, sign: 0 }; net.members.len()];
        for (relation, (row, _)) in rows.iter().enumerate() {
            for term in row {
                let place = &mut free[term.at as usize];
                net.relations[*place as usize] = Term { at: index(relation), sign: term.sign };
                *place += 1;
            }
        }
        net
    }

    /// Number of cells.
    pub(super) fn cells(&self) -> usize {
        self.cell_start.len() - 1
    }

    /// Number of relations.
    pub(super) fn len(&self) -> usize {
        self.relation_start.len() - 1
    }

    /// The cells of a relation.
    pub(super) fn members(&self, relation: u32) -> &[Term] {
        let at = relation as usize;
        &self.members[self.relation_start[at] as usize..self.relation_start[at + 1] as usize]
    }

    /// The relations of a cell.
    pub(super) fn relations(&self, cell: u32) -> &[Term] {
        let at = cell as usize;
        &self.relations[self.cell_start[at] as usize..self.cell_start[at + 1] as usize]
    }
}

/// Cells that are tied to one another and to no other, with their relations.
#[derive(Debug)]
pub(super) struct Group {
    /// Indexes into the problem's cells, in their order.
    pub(super) cells: Vec<u32>,
    /// Their relations, by place in `cells`.
    pub(super) net: Net,
}

/// An index as it is stored.
pub(super) fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What is wrong with a problem, if anything.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(problem: &Problem) -> Result<(), DisclosureError> {
    for (at, cell) in problem.cells.iter().enumerate() {
        if cell.count.is_some_and(|count| !(0..=LARGEST).contains(&count)) {
            return Err(DisclosureError::BadCount { cell: index(at) });
        }
    }
    let order = in_order(&problem.cells);
    for pair in order.windows(2) {
        let &[first, second] = pair else { continue };
        let place = problem.cells[first as usize].order;
        if place == problem.cells[second as usize].order {
            return Err(DisclosureError::SameOrder { first, second, order: place });
        }
    }
    let mut last_seen = vec![usize::MAX; problem.cells.len()];
    for (relation, row) in problem.relations.iter().enumerate() {
        let mut by = 0;
        for (cell, sign) in terms(row) {
            let bad = |what| DisclosureError::BadRelation { relation, cell, what };
            let Some(found) = problem.cells.get(cell as usize) else {
                return Err(bad("is not there"));
            };
            if std::mem::replace(&mut last_seen[cell as usize], relation) == relation {
                return Err(bad("occurs twice"));
            }
            by += i64::from(sign) * found.count.unwrap_or_default();
        }
        if by != 0 && holds(row, &problem.cells) {
            return Err(DisclosureError::DoesNotAddUp { relation, by });
        }
    }
    Ok(())
}

/// The cells of a relation with their side.
pub(super) fn terms(row: &Relation) -> impl Iterator<Item = (u32, i32)> + '_ {
    row.parts.iter().map(|cell| (*cell, 1)).chain(row.whole.iter().map(|cell| (*cell, -1)))
}

/// Whether a relation says anything: every cell of its whole has a count.
fn holds(row: &Relation, cells: &[Cell]) -> bool {
    row.whole.iter().all(|cell| cells.get(*cell as usize).is_some_and(|cell| cell.count.is_some()))
}

/// Indexes of cells by their order.
fn in_order(cells: &[Cell]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..index(cells.len())).collect();
    if !cells.is_sorted_by_key(|cell| cell.order) {
        order.sort_by_key(|cell| cells[*cell as usize].order);
    }
    order
}

/// Splits the cells that are open into groups; a cell that is not open is a number, and ties nobody.
///
/// Cells without relations make groups of their own. The result does not depend on the order of the lists.
pub(super) fn groups(problem: &Problem, open: &[bool]) -> Vec<Group> {
    let cells = &problem.cells;
    let order = in_order(cells);
    let mut place = vec![u32::MAX; cells.len()];
    let mut at_place = Vec::new();
    for cell in order {
        if open[cell as usize] {
            place[cell as usize] = index(at_place.len());
            at_place.push(cell);
        }
    }
    let mut rows: Vec<Row> = Vec::with_capacity(problem.relations.len());
    let mut root: Vec<u32> = (0..index(at_place.len())).collect();
    for row in problem.relations.iter().filter(|row| holds(row, cells)) {
        let (mut members, mut sum) = (Vec::with_capacity(row.parts.len() + row.whole.len()), 0);
        for (cell, sign) in terms(row) {
            match place[cell as usize] {
                u32::MAX => sum -= i64::from(sign) * cells[cell as usize].count.unwrap_or_default(),
                at => members.push(Term { at, sign }),
            }
        }
        let Some(first) = members.first() else { continue };
        let mut to = find(&mut root, first.at);
        for term in &members {
            // The smaller place is the root, so that groups come in order.
            let from = find(&mut root, term.at);
            let (low, high) = (to.min(from), to.max(from));
            root[high as usize] = low;
            to = low;
        }
        members.sort_unstable();
        // The same sum may be written with its sides swapped.
        if members.first().is_some_and(|term| term.sign < 0) && row.whole.len() > 1 {
            for term in &mut members {
                term.sign = -term.sign;
            }
            sum = -sum;
        }
        rows.push((members, sum));
    }
    rows.sort_unstable();
    rows.dedup();

    let mut group_of = vec![0; at_place.len()];
    let mut within = vec![0; at_place.len()];
    let mut found: Vec<(Vec<u32>, Vec<Row>)> = Vec::new();
    for at in 0..index(at_place.len()) {
        let top = find(&mut root, at);
        if top == at {
            group_of[at as usize] = found.len();
            found.push((Vec::new(), Vec::new()));
        }
        let group = group_of[top as usize];
        group_of[at as usize] = group;
        within[at as usize] = index(found[group].0.len());
        found[group].0.push(at_place[at as usize]);
    }
    for (mut members, sum) in rows {
        let Some(first) = members.first() else { continue };
        let group = group_of[first.at as usize];
        for term in &mut members {
            term.at = within[term.at as usize];
        }
        found[group].1.push((members, sum));
    }
    found
        .into_iter()
        .map(|(cells, rows)| {
            let net = Net::new(cells.len(), &rows);
            Group { cells, net }
        })
        .collect()
}

/// The root of a place, with its way there shortened.
fn find(root: &mut [u32], mut at: u32) -> u32 {
    while root[at as usize] != at {
        root[at as usize] = root[root[at as usize] as usize];
        at = root[at as usize];
    }
    at
}
