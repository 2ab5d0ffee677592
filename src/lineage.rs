//! From a column of a SELECT back to the columns of tables whose values it can show.
//!
//! A comparison shows no value of what it compares, a count none of what it counts; everything else passes on what it is
//! made of: `min(victim)` shows a victim, `count(DISTINCT victim)` and `victim IS NULL` do not. Where a plan has a part
//! that is not known here, all that flows into it is taken to flow out of every column.

use std::collections::BTreeSet;

use datafusion::common::{Column, DFSchema, Span};
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, JoinType, LogicalPlan, Operator};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceColumn {
    /// The table.
    pub table: String,
    /// Its column.
    pub column: String,
}

/// Aggregates and window functions that tell how many there are, or which place a row has, and no value.
const COUNTING: [&str; 11] = [
    "count",
    "approx_distinct",
    "bool_and",
    "bool_or",
    "regr_count",
    "grouping",
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
];

/// Deeper than any statement that a person writes; what lies deeper is taken to flow everywhere.
const DEEPEST: usize = 400;

/// By column of a plan, in order: the columns of tables whose values it can show.
#[must_use]
pub fn columns(plan: &LogicalPlan) -> Vec<BTreeSet<SourceColumn>> {
    Walk { outer: Vec::new(), working: Vec::new(), depth: 0 }.columns(plan)
}

/// Where the expression of a column stands in the statement; `None` where the plan does not say.
#[must_use]
pub fn place(plan: &LogicalPlan, column: usize) -> Option<Span> {
    match plan {
        LogicalPlan::Projection(own) => {
            let expr = own.expr.get(column)?;
            let spans = expr.column_refs().into_iter().filter_map(|column| column.spans.first());
            // An aggregate is a plain column here, and stands below.
            Span::union_iter(spans).or_else(|| match expr.clone().unalias() {
                Expr::Column(inner) => place(&own.input, own.input.schema().maybe_index_of_column(&inner)?),
                _ => None,
            })
        }
        LogicalPlan::Aggregate(own) => {
            let expr = own.group_expr.iter().chain(&own.aggr_expr).nth(column)?;
            Span::union_iter(expr.column_refs().into_iter().filter_map(|column| column.spans.first()))
        }
        LogicalPlan::Sort(own) => place(&own.input, column),
        LogicalPlan::Limit(own) => place(&own.input, column),
        LogicalPlan::Filter(own) => place(&own.input, column),
        LogicalPlan::Distinct(own) => place(own.input(), column),
        LogicalPlan::Union(own) => own.inputs.iter().find_map(|input| place(input, column)),
        _ => None,
    }
}

type Sources = BTreeSet<SourceColumn>;

struct Walk {
    /// Columns of the plans around a subquery, the nearest last.
    outer: Vec<(DFSchema, Vec<Sources>)>,
    /// What the tables hold that recursive queries read of themselves, by name.
    working: Vec<(String, Vec<Sources>)>,
    depth: usize,
}

impl Walk {
    fn columns(&mut self, plan: &LogicalPlan) -> Vec<Sources> {
        self.depth += 1;
        let found = if self.depth > DEEPEST { everything(plan) } else { self.of(plan) };
        self.depth -= 1;
        let width = plan.schema().fields().len();
        if found.len() == width {
            return found;
        }
        // A node that is laid out otherwise than is known here.
        vec![everything(plan).into_iter().flatten().chain(found.into_iter().flatten()).collect(); width]
    }

    fn of(&mut self, plan: &LogicalPlan) -> Vec<Sources> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let table = scan.table_name.table();
                if let Some((_, known)) = self.working.iter().rev().find(|(name, _)| name == table) {
                    let width = plan.schema().fields().len();
                    if known.len() == width {
                        return known.clone();
                    }
                }
                let source = |name: &str| SourceColumn { table: table.to_owned(), column: name.to_owned() };
                plan.schema().fields().iter().map(|field| [source(field.name())].into()).collect()
            }
            LogicalPlan::Projection(own) => self.expressions(&own.expr, &own.input),
            LogicalPlan::Filter(own) => self.columns(&own.input),
            LogicalPlan::Sort(own) => self.columns(&own.input),
            LogicalPlan::Limit(own) => self.columns(&own.input),
            LogicalPlan::Repartition(own) => self.columns(&own.input),
            LogicalPlan::SubqueryAlias(own) => self.columns(&own.input),
            LogicalPlan::Subquery(own) => self.columns(&own.subquery),
            LogicalPlan::Distinct(Distinct::All(input)) => self.columns(input),
            LogicalPlan::Distinct(Distinct::On(own)) => self.expressions(&own.select_expr, &own.input),
            LogicalPlan::Aggregate(own) => self.aggregate(own),
            LogicalPlan::Window(own) => {
                let mut found = self.columns(&own.input);
                found.extend(self.expressions(&own.window_expr, &own.input));
                found
            }
            LogicalPlan::Join(own) => {
                let mut left = self.columns(&own.left);
                match own.join_type {
                    JoinType::LeftSemi | JoinType::LeftAnti => left,
                    JoinType::RightSemi | JoinType::RightAnti => self.columns(&own.right),
                    JoinType::LeftMark => {
                        left.push(Sources::new());
                        left
                    }
                    JoinType::RightMark => {
                        let mut right = self.columns(&own.right);
                        right.push(Sources::new());
                        right
                    }
                    _ => {
                        left.extend(self.columns(&own.right));
                        left
                    }
                }
            }
            LogicalPlan::Union(own) => {
                let inputs: Vec<Vec<Sources>> = own.inputs.iter().map(|input| self.columns(input)).collect();
                let width = plan.schema().fields().len();
                let at = |place: usize| {
                    inputs.iter().filter_map(|own| own.get(place)).flatten().cloned().collect()
                };
                (0..width).map(at).collect()
            }
            LogicalPlan::RecursiveQuery(own) => {
                let mut known = self.columns(&own.static_term);
                // Each turn may carry a value one column further.
                for _ in 0..=known.len() {
                    self.working.push((own.name.clone(), known.clone()));
                    let next = self.columns(&own.recursive_term);
                    self.working.pop();
                    let before = known.clone();
                    for (into, from) in known.iter_mut().zip(next) {
                        into.extend(from);
                    }
                    if known == before {
                        break;
                    }
                }
                known
            }
            LogicalPlan::Unnest(own) => {
                let input = self.columns(&own.input);
                let of = |at: &usize| input.get(*at).cloned().unwrap_or_default();
                own.dependency_indices.iter().map(of).collect()
            }
            LogicalPlan::Values(own) => {
                let width = plan.schema().fields().len();
                let mut found = vec![Sources::new(); width];
                let nothing = DFSchema::empty();
                for row in &own.values {
                    for (into, expr) in found.iter_mut().zip(row) {
                        into.extend(self.expression(expr, &nothing, &[]));
                    }
                }
                found
            }
            LogicalPlan::EmptyRelation(_) => vec![Sources::new(); plan.schema().fields().len()],
            _ => everything(plan),
        }
    }

    fn aggregate(&mut self, own: &Aggregate) -> Vec<Sources> {
        let mut groups: Vec<Expr> = Vec::new();
        for expr in &own.group_expr {
            match expr {
                Expr::GroupingSet(set) => {
                    for inner in set.distinct_expr() {
                        if !groups.contains(inner) {
                            groups.push(inner.clone());
                        }
                    }
                }
                other => groups.push(other.clone()),
            }
        }
        let mut found = self.expressions(&groups, &own.input);
        let is_set = own.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
        // The number of the grouping set, which no value goes into.
        found.extend(is_set.then(Sources::new));
        found.extend(self.expressions(&own.aggr_expr, &own.input));
        found
    }

    fn expressions(&mut self, expressions: &[Expr], input: &LogicalPlan) -> Vec<Sources> {
        let columns = self.columns(input);
        let schema = input.schema();
        expressions.iter().map(|expr| self.expression(expr, schema, &columns)).collect()
    }

    /// What an expression over these columns can show.
    fn expression(&mut self, expr: &Expr, schema: &DFSchema, columns: &[Sources]) -> Sources {
        match expr {
            Expr::Column(column) => resolve(column, schema, columns).unwrap_or_else(|| by_name(column)),
            Expr::OuterReferenceColumn(_, column) => {
                let found =
                    self.outer.iter().rev().find_map(|(schema, columns)| resolve(column, schema, columns));
                found.unwrap_or_else(|| by_name(column))
            }
            // Which of two is greater, whether something is there: no value of either.
            Expr::BinaryExpr(own) if is_comparison(own.op) => Sources::new(),
            Expr::Literal(..) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
                Sources::new()
            }
            question if is_question(question) => Sources::new(),
            Expr::Case(own) => {
                let branches = own.when_then_expr.iter().map(|(_, then)| then.as_ref());
                let all = branches.chain(own.else_expr.as_deref());
                all.flat_map(|expr| self.expression(expr, schema, columns)).collect()
            }
            Expr::AggregateFunction(own) => {
                if COUNTING.contains(&own.func.name()) {
                    return Sources::new();
                }
                own.params.args.iter().flat_map(|expr| self.expression(expr, schema, columns)).collect()
            }
            Expr::WindowFunction(own) => {
                let name = match &own.fun {
                    WindowFunctionDefinition::AggregateUDF(function) => function.name(),
                    WindowFunctionDefinition::WindowUDF(function) => function.name(),
                };
                if COUNTING.contains(&name) || name == "ntile" {
                    return Sources::new();
                }
                own.params.args.iter().flat_map(|expr| self.expression(expr, schema, columns)).collect()
            }
            Expr::ScalarSubquery(own) => {
                self.outer.push((schema.clone(), columns.to_vec()));
                let found = self.columns(&own.subquery);
                self.outer.pop();
                found.into_iter().flatten().collect()
            }
            other => {
                let mut found = Sources::new();
                let mut children: Vec<Expr> = Vec::new();
                // Children are visited one by one; the visitor cannot fail.
                let _ = datafusion::common::tree_node::TreeNode::apply_children(other, |child: &Expr| {
                    children.push(child.clone());
                    Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
                });
                for child in &children {
                    found.extend(self.expression(child, schema, columns));
                }
                found
            }
        }
    }
}

/// Whether an expression asks something about values of its row, so that its own value is true, false or null.
/// Comparisons by an operator are not among them.
pub(crate) fn is_question(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Between(_)
            | Expr::InList(_)
    )
}

fn is_comparison(operator: Operator) -> bool {
    use Operator::{And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or};
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    matches!(
        operator,
        Eq | NotEq
            | Lt
            | LtEq
            | Gt
            | GtEq
            | And
            | Or
            | IsDistinctFrom
            | IsNotDistinctFrom
            | RegexMatch
            | RegexIMatch
            | RegexNotMatch
            | RegexNotIMatch
    )
}

fn resolve(column: &Column, schema: &DFSchema, columns: &[Sources]) -> Option<Sources> {
    let at = schema.maybe_index_of_column(column)?;
    columns.get(at).cloned()
}

/// A column whose place is not known: what bears its name.
fn by_name(column: &Column) -> Sources {
    let table = column.relation.as_ref().map_or("", |relation| relation.table());
    [SourceColumn { table: table.to_owned(), column: column.name.clone() }].into()
}

/// Every column of every table that a plan reads, for each of its columns.
fn everything(plan: &LogicalPlan) -> Vec<Sources> {
    let mut all = Sources::new();
    // The visitor cannot fail.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            for field in scan.source.schema().fields() {
                let table = scan.table_name.table().to_owned();
                all.insert(SourceColumn { table, column: field.name().clone() });
            }
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    vec![all; plan.schema().fields().len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::SessionContext;

    /// What the columns of a statement can show of table `incident` (columns area, victim, note, age), and of a view of it.
    async fn shown(sql: &str) -> Vec<String> {
        let context = SessionContext::new();
        for statement in [
            "CREATE TABLE incident (area TEXT, victim TEXT, note TEXT, age BIGINT)",
            "CREATE TABLE place (code TEXT, title TEXT)",
            "CREATE VIEW renamed AS SELECT area AS a, victim AS v, age FROM incident",
        ] {
            context.sql(statement).await.unwrap().collect().await.unwrap();
        }
        let plan = context.state().create_logical_plan(sql).await.unwrap();
        let words = |sources: BTreeSet<SourceColumn>| {
            let words: Vec<String> =
                sources.into_iter().map(|source| format!("{}.{}", source.table, source.column)).collect();
            words.join(" ")
        };
        columns(&plan).into_iter().map(words).collect()
    }

    #[tokio::test]
    async fn a_count_shows_no_value_and_every_other_aggregate_does() {
        assert_eq!(
            shown(
                "SELECT area, count(DISTINCT victim), count(*), min(victim), max(upper(victim)), \
                 first_value(victim), array_agg(note), sum(age) FROM incident GROUP BY area"
            )
            .await,
            [
                "incident.area",
                "",
                "",
                "incident.victim",
                "incident.victim",
                "incident.victim",
                "incident.note",
                "incident.age"
            ]
        );
    }

    #[tokio::test]
    async fn a_column_is_followed_through_names_views_joins_and_common_tables() {
        let victim = ["incident.victim"];
        for sql in [
            "SELECT v FROM renamed",
            "SELECT x.v AS area FROM (SELECT v FROM renamed) AS x",
            "WITH a AS (SELECT victim AS b FROM incident), c AS (SELECT b AS d FROM a) SELECT d FROM c",
            "SELECT concat('p', substr(victim, 1, 8)) FROM incident",
            "SELECT CASE WHEN age > 17 THEN victim ELSE 'child' END FROM incident",
            "SELECT coalesce(i.victim, 'none') FROM place AS p LEFT JOIN incident AS i ON i.area = p.code",
            "SELECT victim FROM incident UNION ALL SELECT title FROM place WHERE false",
            "SELECT DISTINCT victim FROM incident ORDER BY victim LIMIT 3",
            "SELECT lag(victim) OVER (ORDER BY area) FROM incident",
            "SELECT (SELECT max(victim) FROM incident) AS x",
            "SELECT (SELECT max(i.victim) FROM incident AS i WHERE i.area = p.code) FROM place AS p",
            "SELECT victim || '' FROM incident GROUP BY victim",
            "SELECT CAST(victim AS BIGINT) + 1 FROM incident",
            "WITH RECURSIVE r(a, b) AS (SELECT 'x', victim FROM incident UNION ALL SELECT b, a FROM r) SELECT a FROM r",
        ] {
            let found = shown(sql).await;
            assert!(found.iter().all(|own| own.contains(victim[0])), "{sql}: {found:?}");
        }
    }

    #[tokio::test]
    async fn a_question_about_a_value_does_not_show_it() {
        for sql in [
            "SELECT victim IS NULL FROM incident",
            "SELECT sum(CASE WHEN victim IS NULL THEN 1 ELSE 0 END) FROM incident",
            "SELECT count(*) FILTER (WHERE victim LIKE 'a%') FROM incident",
            "SELECT count(*) FROM incident GROUP BY victim",
            "SELECT row_number() OVER (PARTITION BY victim ORDER BY victim) FROM incident",
            "SELECT count(*) FROM (SELECT victim, count(*) AS n FROM incident GROUP BY victim) WHERE n > 1",
            "SELECT count(*) FROM place AS p WHERE EXISTS (SELECT 1 FROM incident AS i WHERE i.victim = p.title)",
            "SELECT n FROM (SELECT victim, count(*) AS n FROM incident GROUP BY victim)",
        ] {
            let found = shown(sql).await;
            assert!(found.iter().all(String::is_empty), "{sql}: {found:?}");
        }
    }
}
