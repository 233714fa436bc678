"""People as the hub tells of them (`sync_protocol.exchange.people`): what this node holds, what comes, what the hub has to be reminded of.

Of two statements about one name the one with the greater revision counts. So a hub that went back enables nobody whom it had disabled: its
older statement is passed over here, ours is kept, marked `unheard`, and given back with the next request. A name that the hub tells of
is the hub's from then on, also where a local user had it: with another password, the PIN forgotten and the logins ended.
"""

from collections.abc import Sequence

from edge_node.store import trail
from edge_node.store.connection import Connection
from edge_node.store.model import EXCHANGE
from edge_node.store.people import HUB
from sync_protocol import bounds
from sync_protocol.exchange import people
from sync_protocol.exchange.messages import Answer
from sync_protocol.exchange.people import Mark, Person


def held(connection: Connection) -> Mark:
    """The mark of all that the hub told this node."""
    found = connection.execute("SELECT name, revision FROM user WHERE origin = ?", (HUB,)).fetchall()
    return people.mark((name, revision) for name, revision in found)


def recalled(connection: Connection) -> list[bytes]:
    """The statements that the hub seems to have forgotten."""
    found = connection.execute(
        "SELECT statement FROM user WHERE unheard = 1 AND statement IS NOT NULL ORDER BY revision LIMIT ?",
        (bounds.PEOPLE_MAX,),
    )
    return [bytes(statement) for (statement,) in found.fetchall()]


def take(connection: Connection, answer: Answer, now_ms: int) -> int:
    """Takes what an answer tells of people; how many were new to this node. Raises MalformedMessage."""
    told = [(people.read(statement), statement) for statement in answer.people]
    if not answer.people_whole:
        connection.execute("UPDATE user SET unheard = 0 WHERE unheard = 1")
    taken = sum(_take(connection, person, statement, now_ms) for person, statement in told)
    if answer.people_whole and len(told) < bounds.PEOPLE_MAX:
        _note_forgotten(connection, [person.name for person, _ in told])
    return taken


def _take(connection: Connection, person: Person, statement: bytes, now_ms: int) -> bool:
    row = connection.execute(
        "SELECT origin, revision, role, secret, disabled, patient FROM user WHERE name = ?", (person.name,)
    ).fetchone()
    if row is not None and row[0] == HUB and row[1] >= person.revision:
        if row[1] > person.revision:
            connection.execute("UPDATE user SET unheard = 1 WHERE name = ?", (person.name,))
        return False
    if row is None:
        _insert(connection, person, statement, now_ms)
    else:
        now = (HUB, person.role, person.secret, person.disabled, person.patient)
        same = now == (row[0], row[2], row[3], bool(row[4]), row[5] or "")
        _replace(connection, person, statement, same_secret=(row[0], row[3]) == (HUB, person.secret), same=same)
    told: trail.Action = "user-told" if row is None or row[0] == HUB else "user-taken-over"
    action: trail.Action = "user-disabled" if person.disabled else told
    trail.record(connection, now_ms, EXCHANGE, action, detail={"name": person.name, "role": person.role})
    return True


def _insert(connection: Connection, person: Person, statement: bytes, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO user (name, role, secret, disabled, created, origin, revision, statement, patient)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(person.name, person.role, person.secret, int(person.disabled), now_ms, HUB),
            *(person.revision, statement, person.patient or None),
        ),
    )


def _replace(connection: Connection, person: Person, statement: bytes, *, same_secret: bool, same: bool) -> None:
    """What the hub says now. Another password forgets PIN and wrong tries; whatever differs ends the logins. Barred stays barred."""
    forget = "" if same_secret else ", pin = NULL, wrong = 0, locked_until = 0"
    connection.execute(
        "UPDATE user SET role = ?, secret = ?, disabled = ?, patient = ?, origin = ?, revision = ?, statement = ?,"
        f" unheard = 0, generation = generation + ?{forget} WHERE name = ?",
        (
            *(person.role, person.secret, int(person.disabled), person.patient or None, HUB),
            *(person.revision, statement, int(not same), person.name),
        ),
    )


def _note_forgotten(connection: Connection, told: Sequence[str]) -> None:
    """People of the hub of whom it does not tell any more although it told of all: it went back to before it knew them."""
    marks = ",".join("?" * len(told))
    connection.execute(f"UPDATE user SET unheard = 1 WHERE origin = ? AND name NOT IN ({marks})", (HUB, *told))
