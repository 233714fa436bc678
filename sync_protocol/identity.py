"""Incarnations: a node's lives, and the renaming of its dots when it finds that it is a copy.

A node restored from a disk image, or cloned, goes on counting from where the copy was made, and would give the dots that the
other life has used a second meaning. It learns of that before anything is merged (`exchange.hub.admit`), begins a new
incarnation, and renames all its own dots above its own acknowledged counter: those the hub may hold with other content.
Dots up to that counter are the same in both lives. The counter goes on, so the outbox keeps its numbers.
"""

import msgspec

from sync_protocol.register import Context, Register, Sibling, Stamp
from sync_protocol.resource import DELETION, Resource, read_deletion


class Renaming(msgspec.Struct, frozen=True):
    """Dots of `old` above `acked` become dots of `new` with the same counter."""

    old: int
    new: int
    acked: int

    def stamp(self, stamp: Stamp) -> Stamp:
        """The stamp under its new name."""
        if stamp.node != self.old or stamp.counter <= self.acked:
            return stamp
        return Stamp(self.new, stamp.counter, stamp.ts, stamp.device_ts, stamp.user, stamp.role)

    def context(self, context: Context) -> Context:
        """A context that has seen `old` past `acked` has seen the rest under the new name."""
        counter = context.get(self.old, 0)
        if counter <= self.acked:
            return context
        renamed = {**context, self.old: self.acked, self.new: max(counter, context.get(self.new, 0))}
        if not self.acked:
            del renamed[self.old]
        return renamed

    def register(self, key: str, register: Register) -> Register:
        """A register with siblings, context and, in the deletion register, the clocks renamed."""
        siblings = [Sibling(self.stamp(s.stamp), self._value(key, s.value)) for s in register.siblings]
        siblings.sort(key=lambda s: (s.stamp.node, s.stamp.counter))
        return Register(tuple(siblings), self.context(register.context))

    def _value(self, key: str, value: bytes | None) -> bytes | None:
        if key != DELETION or value is None:
            return value
        clock = {element: self.context(context) for element, context in read_deletion(value).items()}
        return msgspec.json.encode(
            {
                element: {f"{node:x}": context[node] for node in sorted(context)}
                for element, context in sorted(clock.items())
            }
        )


def rename(resource: Resource, renaming: Renaming) -> Resource:
    """A resource after the fork."""
    return Resource(
        resource.type,
        resource.id,
        {key: renaming.register(key, register) for key, register in resource.elements.items()},
    )
