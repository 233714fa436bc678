"""Concepts as choices of forms: what is ticked is the concept's name, what is read is its text."""

from collections.abc import Collection, Iterable

from edge_node.concepts import Concept
from edge_node.forms.fields import Choice
from edge_node.language import CLINICAL, Text


def words(concept: Concept) -> Text:
    """A concept's text, which the catalogues have as a clinical one."""
    return Text(concept.text, CLINICAL)


def choices(
    concepts: Iterable[Concept], *, but: Collection[str] = (), alone: Collection[str] = ("none", "unknown")
) -> tuple[Choice, ...]:
    """The concepts of a table in its order. `but`: names left out; `alone`: names that exclude all others."""
    return tuple(
        Choice(concept.name, words(concept), alone=concept.name in alone)
        for concept in concepts
        if concept.name not in but
    )
