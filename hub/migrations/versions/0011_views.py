"""Views over what the console shows: in a transaction of their own, since they read large tables, and change none that are written."""

from alembic import op

revision = "0011"
down_revision = "0010"

# A pair is told of both facilities that have one of the two, and counts once in their region.
# A day that nobody told is -infinity: asyncpg writes the first day of the calendar so.
# Only of facilities that are at home here: every shard of a region knows of all.
# Each view has the numbers of facilities, and those of their region under scope 0. By its unique index it is refreshed while it is read.
VIEWS = """
CREATE VIEW home_facility AS
SELECT facility.* FROM facility JOIN scope ON scope.id = facility.scope WHERE scope.home IS NULL;
CREATE MATERIALIZED VIEW month_count AS
SELECT facility.region, CASE WHEN grouping(facility.scope) = 1 THEN 0 ELSE facility.scope END AS scope,
    date_trunc('month', fact.day::timestamp)::date AS month, fact.kind, fact.code, sum(fact.n)::bigint AS n
FROM fact JOIN home_facility AS facility ON facility.scope = fact.scope
WHERE fact.kind IN ('contact', 'outcome', 'danger', 'immunization', 'episode') AND fact.day >= date '1900-01-01'
GROUP BY GROUPING SETS (
    (facility.region, facility.scope, date_trunc('month', fact.day::timestamp), fact.kind, fact.code),
    (facility.region, date_trunc('month', fact.day::timestamp), fact.kind, fact.code)
);
CREATE UNIQUE INDEX month_count_key ON month_count (scope, region, month, kind, code);
CREATE MATERIALIZED VIEW danger_day AS
SELECT facility.region, CASE WHEN grouping(facility.scope) = 1 THEN 0 ELSE facility.scope END AS scope,
    fact.day, fact.code, sum(fact.n)::bigint AS n
FROM fact JOIN home_facility AS facility ON facility.scope = fact.scope
WHERE fact.kind = 'danger' AND fact.day BETWEEN current_date - 60 AND current_date + 1
GROUP BY GROUPING SETS ((facility.region, facility.scope, fact.day, fact.code), (facility.region, fact.day, fact.code));
CREATE UNIQUE INDEX danger_day_key ON danger_day (scope, region, day, code);
CREATE MATERIALIZED VIEW pregnancy_week AS
SELECT region, CASE WHEN grouping(scope) = 1 THEN 0 ELSE scope END AS scope, week, sum(open)::bigint AS n, sum(overdue)::bigint AS overdue,
    sum(overdue_after)::bigint AS overdue_after
FROM (
    SELECT facility.region, facility.scope,
        CASE WHEN expected IS NULL OR born IS NOT NULL THEN -1 ELSE greatest((280 - (expected - current_date)) / 7, 0) END AS week,
        CASE WHEN NOT over AND born IS NULL THEN 1 ELSE 0 END AS open,
        CASE WHEN born IS NULL AND current_date >= overdue_from AND current_date < overdue_until THEN 1 ELSE 0 END AS overdue,
        CASE WHEN born IS NOT NULL AND current_date >= overdue_from AND current_date < overdue_until THEN 1 ELSE 0 END AS overdue_after
    FROM pregnancy JOIN home_facility AS facility USING (scope)
    WHERE (NOT over AND coalesce(expected + 28, began + 308) >= current_date) OR overdue_until > current_date
) AS one
GROUP BY GROUPING SETS ((region, scope, week), (region, week));
CREATE UNIQUE INDEX pregnancy_week_key ON pregnancy_week (scope, region, week);
CREATE MATERIALIZED VIEW birth_month AS
SELECT facility.region, CASE WHEN grouping(facility.scope) = 1 THEN 0 ELSE facility.scope END AS scope,
    date_trunc('month', born::timestamp)::date AS month, count(*) AS n, count(*) FILTER (WHERE contacts >= 4) AS four,
    count(*) FILTER (WHERE contacts >= 8) AS eight, count(*) FILTER (WHERE seen_soon) AS soon
FROM pregnancy JOIN home_facility AS facility USING (scope) WHERE born >= date '1900-01-01'
GROUP BY GROUPING SETS (
    (facility.region, facility.scope, date_trunc('month', born::timestamp)), (facility.region, date_trunc('month', born::timestamp))
);
CREATE UNIQUE INDEX birth_month_key ON birth_month (scope, region, month);
CREATE MATERIALIZED VIEW issue_count AS
SELECT region, CASE WHEN grouping(scope) = 1 THEN 0 ELSE scope END AS scope, issue,
    (sum(n) / CASE WHEN grouping(scope) = 1 AND issue = 'pair' THEN 2 ELSE 1 END)::bigint AS n
FROM (
    SELECT facility.region, facility.scope, 'future' AS issue, fact.n FROM fact JOIN home_facility AS facility USING (scope)
    WHERE (kind IN ('encounter', 'immunization', 'contact', 'outcome', 'danger') AND day > current_date + 1)
        OR (kind = 'born' AND day > current_date)
    UNION ALL
    SELECT facility.region, facility.scope, 'past', fact.n FROM fact JOIN home_facility AS facility USING (scope)
    WHERE (kind IN ('encounter', 'immunization', 'contact', 'outcome', 'danger', 'born'))
        AND day > '-infinity' AND day < date '1900-01-01'
    UNION ALL
    SELECT facility.region, facility.scope, 'undated', fact.n FROM fact JOIN home_facility AS facility USING (scope)
    WHERE kind IN ('encounter', 'immunization', 'contact', 'outcome', 'danger') AND day = '-infinity'
    UNION ALL
    SELECT facility.region, facility.scope, 'pair', 1 FROM duplicate, unnest(ARRAY[first, second]) AS one (key)
    JOIN resource USING (key) JOIN home_facility AS facility USING (scope)
    UNION ALL
    SELECT facility.region, facility.scope, 'conflict', 1 FROM conflict JOIN home_facility AS facility USING (scope)
    UNION ALL
    SELECT facility.region, facility.scope, 'quarantine', 1 FROM quarantine
    JOIN home_facility AS facility USING (scope) WHERE resolved IS NULL
    UNION ALL
    SELECT facility.region, facility.scope, 'parked', 1 FROM parked JOIN home_facility AS facility USING (scope)
) AS one
GROUP BY GROUPING SETS ((region, scope, issue), (region, issue));
CREATE UNIQUE INDEX issue_count_key ON issue_count (scope, region, issue);
CREATE MATERIALIZED VIEW arrival_month AS
SELECT facility.region, CASE WHEN grouping(facility.scope) = 1 THEN 0 ELSE facility.scope END AS scope,
    date_trunc('month', day::timestamp)::date AS month, late, sum(n)::bigint AS n
FROM arrival JOIN home_facility AS facility USING (scope)
GROUP BY GROUPING SETS (
    (facility.region, facility.scope, date_trunc('month', day::timestamp), late),
    (facility.region, date_trunc('month', day::timestamp), late)
);
CREATE UNIQUE INDEX arrival_month_key ON arrival_month (scope, region, month, late)
"""


def upgrade() -> None:
    for statement in VIEWS.split(";\n"):
        op.execute(statement)
