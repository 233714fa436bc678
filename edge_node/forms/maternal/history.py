"""What is asked of a woman's life: illnesses, allergies, medicines she takes. Asked when a pregnancy is registered, and again
when something is new; what is on record already is told, and not asked twice."""

from collections.abc import Iterable
from typing import Final

from edge_node.concepts import Table
from edge_node.forms.answers import Answers
from edge_node.forms.fields import Field, Kind
from edge_node.forms.maternal.choices import choices, words
from edge_node.forms.maternal.notes import Notes
from edge_node.language import C_, Text
from edge_node.maternal.facts import Mother
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES

CHRONIC: Final = (
    "hypertension",
    "diabetes",
    "kidney-disease",
    "autoimmune-disease",
    "blood-disorder",
    "epilepsy",
    "heart-disease",
    "tuberculosis",
)
PAST: Final = (
    "pre-eclampsia",
    "eclampsia",
    "convulsions",
    "gestational-diabetes",
    "heavy-bleeding",
    "deep-tear",
    "early-neonatal-death",
)
TAKEN: Final = (
    "co-trimoxazole",
    "antiretrovirals",
    "blood-pressure-medicine",
    "aspirin",
    "calcium",
    "iron-folate",
)


def known_illnesses(mother: Mother) -> set[str]:
    """Illnesses on record that are not over."""
    return {each.kind for each in mother.problems if not each.past}


def known_allergies(mother: Mother) -> set[str]:
    """Allergies on record."""
    return {each.kind for each in mother.allergies}


def known_medicines(mother: Mother) -> set[str]:
    """Medicines on record that she still takes."""
    return {each.kind for each in mother.medicines if each.active and each.kind}


def illnesses_field(mother: Mother) -> Field:
    """Lasting illnesses that are not on record."""
    known = known_illnesses(mother)
    return Field(
        name="illnesses",
        label=C_("Lasting illnesses"),
        hint=_known(known & set(CHRONIC), CONDITIONS),
        kind=Kind.CHOICES,
        choices=choices((CONDITIONS[name] for name in CHRONIC), but=known),
    )


def allergies_field(mother: Mother) -> Field:
    """Allergies that are not on record. Where there are some, "none" is no answer any more."""
    known = known_allergies(mother)
    but = known | {"none"} if known else set()
    return Field(
        name="allergies",
        label=C_("Allergies"),
        hint=_known(known, ALLERGIES),
        kind=Kind.CHOICES,
        choices=choices(ALLERGIES, but=but),
    )


def medicines_field(mother: Mother) -> Field:
    """Medicines that she takes and that are not on record."""
    known = known_medicines(mother)
    return Field(
        name="medicines",
        label=C_("Medicines that she takes now"),
        hint=_known(known & set(TAKEN), MEDICINES),
        kind=Kind.CHOICES,
        choices=choices((MEDICINES[name] for name in TAKEN), but=known),
    )


class _Listed:
    """Names of concepts in a message, in the reader's language."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self._texts = tuple(texts)

    def __str__(self) -> str:
        return ", ".join(str(text) for text in self._texts)


def _known(names: set[str], table: Table) -> Text | None:
    listed = [words(concept) for concept in table if concept.name in names]
    return C_("Known already: %(known)s").of(known=_Listed(listed)) if listed else None


def note(notes: Notes, answers: Answers) -> None:
    """What is new."""
    for name in answers.chosen("illnesses"):
        notes.illness(name)
    for name in answers.chosen("allergies"):
        notes.allergy(name)
    for name in answers.chosen("medicines"):
        notes.takes(name)
