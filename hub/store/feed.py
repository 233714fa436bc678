"""The feed: per scope, a list of pointers to resources that changed. It holds no data and no names in the clear."""

from collections.abc import Sequence

from msgspec import Struct

from hub.postgres.engine import COPY_ROWS_MIN, Connection


class Pointer(Struct, frozen=True):
    """One change: which resource, by which incarnation, and which elements (keyed hashes one after another; None: all)."""

    scope: int
    seq: int
    key: int
    source: int | None
    elements: bytes | None


async def append_feed(connection: Connection, pointers: Sequence[Pointer]) -> None:
    """Adds pointers at positions taken with `advance_scopes`, in the same transaction."""
    columns = [(pointer.scope, pointer.seq, pointer.key, pointer.source, pointer.elements) for pointer in pointers]
    if len(columns) >= COPY_ROWS_MIN:
        await connection.copy_records_to_table(
            "feed", records=columns, columns=["scope", "seq", "key", "source", "elements"]
        )
    elif columns:
        await connection.execute(
            "INSERT INTO feed SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])",
            *(list(column) for column in zip(*columns, strict=True)),
        )


class Position(Struct, frozen=True):
    """From where a feed is read, and whose own pointers are left out."""

    scope: int
    after_seq: int
    not_source: int | None


async def read_feeds(connection: Connection, positions: Sequence[Position], limit: int) -> list[list[Pointer]]:
    """The next pointers after each of these, at most `limit` of each, in one statement; each as `read_feed` would answer it."""
    rows = await connection.fetch(
        """
        SELECT asked.number, next.* FROM unnest($1::int[], $2::bigint[], $3::bigint[]) WITH ORDINALITY
            AS asked (scope, after, source, number),
        LATERAL (
            SELECT scope, seq, key, source, elements FROM feed
            WHERE scope = asked.scope AND seq > asked.after
                AND (asked.source IS NULL OR source IS DISTINCT FROM asked.source) ORDER BY seq LIMIT $4
        ) AS next ORDER BY asked.number, next.seq
        """,
        *([getattr(one, field) for one in positions] for field in Position.__struct_fields__),
        limit,
    )
    found: list[list[Pointer]] = [[] for _ in positions]
    for number, *pointer in rows:
        found[number - 1].append(Pointer(*pointer))
    return found


async def read_feed(
    connection: Connection, scope: int, after_seq: int, not_source: int | None, limit: int
) -> list[Pointer]:
    """The next pointers of a scope after a position, without those that this incarnation made itself.

    The last one's `seq` is where the reader goes on from; when fewer than `limit` come, from the scope's own `seq`.
    """
    rows = await connection.fetch(
        """
        SELECT scope, seq, key, source, elements FROM feed
        WHERE scope = $1 AND seq > $2 AND ($3::bigint IS NULL OR source IS DISTINCT FROM $3) ORDER BY seq LIMIT $4
        """,
        scope,
        after_seq,
        not_source,
        limit,
    )
    return [Pointer(*row) for row in rows]
