"""A nation's numbers, made in the database: facilities of several regions, nodes in every state, facts, pregnancies. No records."""

from datetime import date

from hub.postgres.engine import Connection

REGIONS = ("Central", "East", "North", "South", "West")


async def fill(
    connection: Connection, *, facilities: int, days: int, nodes: int, pregnancies: int, today: date, audit: int = 0
) -> int:
    """Fills the tables that the console's numbers come from. Returns how many facts there are: ten for each facility and day."""
    await connection.execute(
        "INSERT INTO region (name, shard) SELECT unnest($1::text[]), 1 ON CONFLICT DO NOTHING", list(REGIONS)
    )
    await connection.execute(
        "INSERT INTO region_shard (region, shard) SELECT unnest($1::text[]), 1 ON CONFLICT DO NOTHING", list(REGIONS)
    )
    await connection.execute("UPDATE shard_map_version SET version = version + 1")
    await connection.execute(
        """
        WITH made AS (
            INSERT INTO scope (name, kind, data_key)
            SELECT 'facility/h' || lpad(n::text, 5, '0'), 'facility', '' FROM generate_series(1, $1::int) AS n RETURNING id, name
        ), numbered AS (SELECT id, substr(name, 10) AS facility, row_number() OVER () AS n FROM made),
        placed AS (
            INSERT INTO facility_place (facility, region, shard) SELECT facility, ($2::text[])[1 + n % 5], 1 FROM numbered
        )
        INSERT INTO facility (id, name, region, scope, listed)
        SELECT facility, (ARRAY['Kétou', 'Ṣàkì', 'Tamale', 'Bobo', 'Gao', 'Kpalimé', 'Wa'])[1 + n % 7] || ' health centre ' || n,
            ($2::text[])[1 + n % 5], id, true
        FROM numbered
        """,
        *(facilities, list(REGIONS)),
    )
    await connection.execute(
        """
        INSERT INTO node (id, facility, role, region, state, name, enrolled, secret_hash, last_seen, clock_offset_ms, version, pending,
            status, exchanges, behind)
        SELECT 'n-' || lpad(n::text, 6, '0'), facility.id, 'clinic', facility.region,
            CASE WHEN n % 97 = 0 THEN 'revoked' ELSE 'active' END, 'desk ' || n, now() - interval '300 days', '',
            now() - CASE WHEN n % 53 = 0 THEN interval '12 days' WHEN n % 31 = 0 THEN interval '40 hours'
                ELSE (n % 700) * interval '1 second' END,
            CASE WHEN n % 41 = 0 THEN -4000000 ELSE n % 900 END, '0.1.0', CASE WHEN n % 29 = 0 THEN 2600 ELSE n % 5 END,
            jsonb_build_object('disk', CASE WHEN n % 61 = 0 THEN 4 ELSE 30 + n % 60 END, 'agreed', n % 211 <> 0), n % 4000, n % 3
        FROM generate_series(1, $1::int) AS n
        JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM facility WHERE id LIKE 'h%') AS facility
            ON facility.place = 1 + n % $2::int
        """,
        *(nodes, facilities),
    )
    await connection.execute(
        """
        INSERT INTO fact (scope, day, kind, code, n)
        SELECT facility.scope, $1::date - age, made.kind, made.code, 1 + (facility.scope * 7 + age * 3 + made.most) % made.most
        FROM facility, generate_series(0, $2::int - 1) AS age, (VALUES
            ('contact', 'antenatal-contact', 9), ('contact', 'postnatal-contact', 4), ('contact', 'birth', 2), ('outcome', 'live-birth', 2),
            ('immunization', '19', 3), ('immunization', '1162637003', 6), ('encounter', 'AMB', 20),
            ('danger', 'danger-signs/bleeding', 2), ('danger', 'newborn-danger-signs/fever', 2),
            ('danger', 'postnatal-danger-signs/fever', 2)
        ) AS made (kind, code, most) WHERE facility.id LIKE 'h%'
        """,
        *(today, days),
    )
    await connection.execute(
        """
        INSERT INTO fact (scope, day, kind, code, n)
        SELECT scope, day, kind, code, n FROM facility, (VALUES
            ('-infinity'::date, 'contact', 'antenatal-contact', 3),
            (date '2201-01-01', 'immunization', '19', 1), (date '1891-01-01', 'born', '', 2)
        ) AS odd (day, kind, code, n) WHERE id LIKE 'h%'
        """
    )
    await connection.execute(
        """
        INSERT INTO pregnancy (episode, scope, began, expected, born, over, contacts, seen_soon, overdue_from, overdue_until)
        SELECT int8send(n), facility.scope, $2::date - (n % 400)::int, $2::date - (n % 400)::int + 200,
            CASE WHEN n % 400 > 200 THEN $2::date - (n % 400)::int + 200 END, n % 400 > 200, (n % 9)::int, n % 3 = 0,
            CASE WHEN n % 7 = 0 THEN $2::date - 3 END, CASE WHEN n % 7 = 0 THEN $2::date + 9 END
        FROM generate_series(1, $1::bigint) AS n
        JOIN (SELECT scope, row_number() OVER (ORDER BY id) AS place FROM facility WHERE id LIKE 'h%') AS facility
            ON facility.place = 1 + n % $3::int
        """,
        *(pregnancies, today, facilities),
    )
    await connection.execute(
        """
        INSERT INTO arrival (scope, day, late, n) SELECT scope, $1::date - age, late, 1 + (scope + age) % (9 - late)
        FROM facility, generate_series(0, 300, 10) AS age, generate_series(0, 5) AS late WHERE id LIKE 'h%'
        """,
        today,
    )
    await connection.execute(
        """
        INSERT INTO conflict (rkey, scope, elements, since)
        SELECT int8send(scope) || int8send(n), scope, 1 + n, now() - n * interval '1 day'
        FROM facility, generate_series(1, 3) AS n WHERE id LIKE 'h%' AND scope % 3 = 0
        """
    )
    await connection.execute(
        """
        INSERT INTO quarantine (node, scope, reason, detail, payload, since)
        SELECT node.id, facility.scope, 'unreadable', 'a value that is not JSON within bounds', '', now() - interval '2 days'
        FROM node JOIN facility ON facility.id = node.facility WHERE right(node.id, 2) = '07'
        """
    )
    await connection.execute(
        """
        INSERT INTO exchange (node, place, at, verdict, pushed, pulled, refused, parked, pending, behind)
        SELECT node.id, place, now() - place * interval '20 minutes', CASE WHEN place = 9 THEN 'fork' ELSE 'merged' END,
            place * 7, 1, 0, 0, place, 0
        FROM node, generate_series(0, 9) AS place
        """
    )
    await connection.execute(
        """
        INSERT INTO audit (at, actor, action, object)
        SELECT now() - n * interval '1 minute', 'root',
            (ARRAY['node.invite', 'node.revoke', 'user.add', 'person.find'])[1 + n % 4], 'h0' || n % 5000
        FROM generate_series(1, $1::int) AS n
        """,
        audit,
    )
    for table in ("scope", "fact", "node", "facility", "pregnancy", "audit", "conflict", "arrival"):
        await connection.execute(f"ANALYZE {table}")
    return facilities * days * 10
