"""Looking at the hub for somebody who may be another clinic's patient."""

from datetime import date
from typing import Final

from edge_node.forms.answers import Answers
from edge_node.forms.fields import Choice, Field, Form, Kind, Section, Span
from edge_node.language import N_
from sync_protocol import bounds
from sync_protocol.exchange.finding import Find, Sex

SEXES: Final = (Choice("female", N_("Female")), Choice("male", N_("Male")))
_BOUND: Final[dict[str, Sex]] = {"female": "female", "male": "male"}
OLDEST_YEARS: Final = 130


def form(today: date) -> Form:
    """What is asked."""
    return Form(
        title=N_("Look for somebody at the hub"),
        intro=N_(
            "For people whom another clinic of this region knows. Give the number on the card, or the name with the birth date,"
            " the telephone or the village. The hub writes down who asked, and how many were found."
        ),
        sections=(
            Section(
                title=N_("Who is it?"),
                fields=(
                    Field(name="identifier", label=N_("Number on the card, or another number"), chars_max=40),
                    Field(name="names", label=N_("Names"), chars_max=bounds.ASKED_CHARS_MAX),
                    Field(
                        name="birth",
                        label=N_("Date of birth"),
                        kind=Kind.DATE,
                        hint=N_("The year alone is enough. If it is not known, give the age."),
                        partial=True,
                        estimable=True,
                        by_age=True,
                        possible_days=Span(today.replace(year=today.year - OLDEST_YEARS, day=1), today),
                    ),
                    Field(name="sex", label=N_("Sex"), kind=Kind.CHOICE, choices=SEXES),
                    Field(name="phone", label=N_("Telephone"), kind=Kind.PHONE),
                    Field(name="village", label=N_("Village or town"), chars_max=100),
                ),
            ),
        ),
        send=N_("Look for her"),
    )


def asked(answers: Answers, user: str, role: str) -> Find:
    """The question to the hub."""
    born = answers.date("birth")
    return Find(
        user,
        role,
        identifier=answers.text("identifier"),
        names=answers.text("names"),
        born=born.text if born is not None else "",
        estimated=born is not None and (born.estimated or not born.exact),
        phone=answers.text("phone"),
        sex=_BOUND.get(answers.text("sex"), ""),
        village=answers.text("village"),
    )
