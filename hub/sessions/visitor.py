"""Who asks."""

from msgspec import Struct


class Visitor(Struct, frozen=True):
    """Who asks, as her session says. `region`: the one that she sees; '' for all. `session`: '' for the local administrator."""

    name: str
    role: str
    region: str
    session: str = ""


LOCAL = Visitor("api", "admin", "")
"""Whoever can read `admin.token` in the data folder."""
