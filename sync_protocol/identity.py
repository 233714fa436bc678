"""Incarnations: a node's lives, and the renaming of its dots when it finds that it is a copy.

Every process that writes begins a life of its own, so copies of a disk never give one dot two meanings. What they have in common
are unsent changes of the lives before the copy; and a copy of a running machine, memory and all, goes on in the same life. Both learn
of it before anything is merged (`exchange.hub.admit`), begin a new incarnation, and rename their dots of the lives in question above their
own acknowledged counter: those the hub may hold with other content. Dots up to that counter are the same in both. The counter goes on, so
the outbox keeps its numbers.
"""

from collections.abc import Mapping

import msgspec

from sync_protocol.register import Context, Register, Sibling, Stamp
from sync_protocol.resource import DELETION, Resource, read_deletion


class Renaming(msgspec.Struct, frozen=True):
    """Dots of the lives `old` above `acked`, up to the last that was given here, become dots of `new` with the same counter: a node's
    counter is one for all its lives.

    `own`: the other lives whose dots only this node has given: a deletion of theirs that covers renamed dots is renamed too, since
    what it says changes. What others say is never changed. Both: life → last counter.
    """

    old: Mapping[int, int]
    new: int
    acked: int
    own: Mapping[int, int] = {}

    def stamp(self, stamp: Stamp) -> Stamp:
        """The stamp under its new name."""
        return self._renamed(stamp) if self._is_past(stamp, self.old) else stamp

    def context(self, context: Context) -> Context:
        """A context that has seen one of `old` past `acked` has seen the rest under the new name."""
        past = {node: counter for node, counter in context.items() if node in self.old and counter > self.acked}
        if not past:
            return context
        renamed = {**context, **{node: self.acked for node, counter in past.items() if counter <= self.old[node]}}
        here = (min(counter, self.old[node]) for node, counter in past.items())
        renamed[self.new] = max(context.get(self.new, 0), *here)
        return {node: counter for node, counter in renamed.items() if counter}

    def register(self, key: str, register: Register) -> Register:
        """A register with siblings, context and, in the deletion register, the clocks renamed."""
        siblings = [
            self._deletion(s) if key == DELETION else Sibling(self.stamp(s.stamp), s.value) for s in register.siblings
        ]
        siblings.sort(key=lambda s: (s.stamp.node, s.stamp.counter))
        context = dict(self.context(register.context))
        for sibling in siblings:
            if sibling.stamp.node == self.new:
                context[self.new] = max(context.get(self.new, 0), sibling.stamp.counter)
        return Register(tuple(siblings), context)

    def _deletion(self, sibling: Sibling) -> Sibling:
        if not self._is_past(sibling.stamp, {**self.old, **self.own}):
            return sibling
        value = self._clock(sibling.value)
        told_otherwise = value != sibling.value or sibling.stamp.node in self.old
        return Sibling(self._renamed(sibling.stamp), value) if told_otherwise else sibling

    def _clock(self, value: bytes | None) -> bytes:
        clock = {element: self.context(context) for element, context in read_deletion(value).items()}
        renamed = {e: {f"{node:x}": context[node] for node in sorted(context)} for e, context in sorted(clock.items())}
        return msgspec.json.encode(renamed)

    def _is_past(self, stamp: Stamp, lives: Mapping[int, int]) -> bool:
        return self.acked < stamp.counter <= lives.get(stamp.node, 0)

    def _renamed(self, stamp: Stamp) -> Stamp:
        return Stamp(self.new, stamp.counter, stamp.ts, stamp.device_ts, stamp.user, stamp.role)


def rename(resource: Resource, renaming: Renaming) -> Resource:
    """A resource after the fork."""
    return Resource(
        resource.type,
        resource.id,
        {key: renaming.register(key, register) for key, register in resource.elements.items()},
    )
