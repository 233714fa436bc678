"""The hub's limits by name: whom each is for, and what holds while Redis is away.

    login       wrong tries by name and by address         closed: nobody logs in
    code        wrong one-time codes by name               closed
    enrolling   wrong invitation codes, by address, in all closed
    requests    by person and address                      this process's own count
    record      by person or node, and file                this process's own count
    find        by person who asks for patients            this process's own count
    exchange    by node                                    open: what nodes bring is never turned away for want of Redis

Of a patient's record the hub serves files; whom a node looks for and admits is counted in the database (`hub.finding`), Redis or not.
Names, addresses and files are keyed hashes in Redis. An IPv6 address counts as its /64, which is what one household has.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

import structlog
from msgspec import Struct

from hub.errors import RedisFault, TooManyRequests, TooManyTries
from hub.keys import Keys
from hub.limits.gcra import SECOND, Decision, Limit, Take, per
from hub.limits.in_process import InProcess
from hub.settings import Settings

HOUR: Final = 3_600
MINUTE: Final = 60
LOGIN_BURST: Final = 10
CODE: Final = per(HOUR, 12, 5)
"""Three of a million codes are right at a time: who has the password finds one in a year with a chance of 27 %, and stands in the audit."""
IPV6_HOUSEHOLD_BITS: Final = 64
log = structlog.get_logger()


class Decides(Protocol):
    """Where decisions are made."""

    async def decide(self, takes: Sequence[Take]) -> Decision:
        """One decision over all of these."""
        ...


class Rules(Struct, frozen=True):
    """The limits that settings give."""

    name: Limit
    login_address: Limit
    user: Limit
    address: Limit
    record: Limit
    find: Limit
    exchange: Limit
    enroll_address: Limit
    enroll_all: Limit


def rules(settings: Settings) -> Rules:
    """The limits of these settings."""
    return Rules(
        name=per(HOUR, settings.login_failures_per_hour, min(LOGIN_BURST, settings.login_failures_per_hour)),
        login_address=per(MINUTE, settings.login_failures_per_address_per_minute),
        user=per(MINUTE, settings.requests_per_user_per_minute),
        address=per(MINUTE, settings.requests_per_address_per_minute),
        record=per(HOUR, settings.record_reads_per_hour),
        find=per(HOUR, settings.finds_per_hour),
        exchange=per(MINUTE, settings.exchanges_per_node_per_minute),
        enroll_address=per(MINUTE, settings.enroll_failures_per_minute),
        enroll_all=per(MINUTE, settings.enroll_failures_all_per_minute),
    )


class Limits:
    """All limits of a hub. `shared`: where decisions are made, Redis if there is one. `own`: this process's, for when that is away."""

    def __init__(self, shared: Decides, own: InProcess, keys: Keys, rules: Rules) -> None:
        self._shared = shared
        self._own = own
        self._keys = keys
        self._rules = rules

    async def login(self, name: str, address: str, cost: int = 1) -> None:
        """Counts a try as wrong before it is looked at; with -1 it was right after all. Raises `TooManyTries`, `RedisFault`."""
        by_name = Take(f"{{login}}:name:{self.mark(name)}", self._rules.name, "this name", cost)
        await self._tried(
            [by_name, Take(self._address("login", address), self._rules.login_address, "this address", cost)]
        )

    async def code(self, name: str, cost: int = 1) -> None:
        """The same for a one-time code."""
        await self._tried([Take(f"{{login}}:code:{self.mark(name)}", CODE, "this name's one-time codes", cost)])

    async def enrolling(self, address: str, cost: int = 1) -> None:
        """The same for an invitation's code."""
        of_address = Take(self._address("enrol", address), self._rules.enroll_address, "this address", cost)
        await self._tried([of_address, Take("{enrol}:all", self._rules.enroll_all, "all addresses", cost)])

    async def requests(self, mark: str, address: str) -> None:
        """One request of a person, by the `mark` of her name ('': of nobody known), from an address. Raises `TooManyRequests`."""
        takes = [Take(self._address("request", address), self._rules.address, "this address")]
        if mark:
            takes.append(Take(f"{{request}}:user:{mark}", self._rules.user, "this person"))
        await self._asked(takes)

    async def record(self, name: str, file: str) -> None:
        """One reading of a file of a patient's record, by a person or a node. Raises `TooManyRequests`."""
        await self._asked([Take(f"{{{self.mark(file)}}}:record:{self.mark(name)}", self._rules.record, "this record")])

    async def find(self, name: str) -> None:
        """One question of a person for who of all patients may be meant. Raises `TooManyRequests`."""
        await self._asked([Take(f"{{find}}:{self.mark(name)}", self._rules.find, "this person")])

    async def exchange(self, node: str) -> None:
        """One exchange of a node. Raises `TooManyRequests`; not for want of Redis."""
        try:
            decision = await self._shared.decide([Take(f"{{{node}}}:exchange", self._rules.exchange, "this node")])
        except RedisFault:
            return  # open: said in the module's table, and counted by the client's own rest
        self._allowed(decision, "this node")

    def mark(self, text: str) -> str:
        """A keyed hash of a name, an address or a record, as 16 hex digits."""
        return self._keys.mark(text)

    async def _tried(self, takes: Sequence[Take]) -> None:
        decision = await self._shared.decide(takes)
        if decision.wait_us:
            what = takes[decision.refused_by].what
            raise TooManyTries(f"Too many wrong tries for {what}.", retry_after_seconds=_seconds(decision))

    async def _asked(self, takes: Sequence[Take]) -> None:
        try:
            decision = await self._shared.decide(takes)
        except RedisFault:
            decision = await self._own.decide(takes)
        self._allowed(decision, takes[decision.refused_by].what)

    @staticmethod
    def _allowed(decision: Decision, what: str) -> None:
        if decision.wait_us:
            raise TooManyRequests(f"Too many requests for {what}.", retry_after_seconds=_seconds(decision))

    def _address(self, of: str, address: str) -> str:
        return f"{{{of}}}:address:{self.mark(household(address))}"


def household(address: str) -> str:
    """An address as it is counted. One that is none, as of a socket without addresses, is taken as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> (128 - IPV6_HOUSEHOLD_BITS) << (128 - IPV6_HOUSEHOLD_BITS)))


def _seconds(decision: Decision) -> int:
    return -(-decision.wait_us // SECOND)
