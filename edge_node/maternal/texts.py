"""English words for what maternal care finds, asks for and counts, by code, with `{name}` for parameters.

Pages translate them: `N_` marks them for the catalogue of texts and leaves them as they are. Values that are themselves codes (a
danger sign, a condition) are named by their Concept's text (`word_of`): the second argument of every `concept(…)` is a text too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge_node.maternal import concepts as said
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES


def N_(text: str) -> str:
    """Marks a text for translation; it is translated where it is shown."""
    return text


FINDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "danger-signs": N_("Danger sign: {sign}. Refer now."),
        "postnatal-danger-signs": N_("Danger sign after birth: {sign}. Refer now."),
        "newborn-danger-signs": N_("Danger sign of the baby: {sign}. Refer now."),
        "movement-none": N_("The baby does not move. Refer now."),
        "movement-reduced": N_("The baby moves less than before. Refer now."),
        "no-heartbeat": N_("The baby's heartbeat was not heard. Refer now."),
        "heart-rate": N_("The baby's heart beats {rate} times a minute; 110 to 159 is normal. Refer now."),
        "severe-pre-eclampsia": N_(
            "Severe pre-eclampsia: blood pressure {systolic}/{diastolic} with {sign}. Refer now."
        ),
        "severe-pre-eclampsia-by-pressure": N_(
            "Severe pre-eclampsia: blood pressure {systolic}/{diastolic} with protein in the urine ({protein} plus). Refer now."
        ),
        "pre-eclampsia": N_(
            "Pre-eclampsia: blood pressure {systolic}/{diastolic} with protein in the urine ({protein} plus). Refer now."
        ),
        "raised-with-signs": N_(
            "Blood pressure {systolic}/{diastolic} with {sign}: perhaps severe pre-eclampsia. "
            "Refer now, without waiting for a second reading."
        ),
        "raised-with-protein": N_(
            "Blood pressure {systolic}/{diastolic} with protein in the urine ({protein} plus): perhaps pre-eclampsia. "
            "Take the pressure again after 10 to 15 minutes of rest, and refer."
        ),
        "severe-hypertension": N_("Severe high blood pressure: {systolic}/{diastolic}, also after rest. Refer now."),
        "severe-pressure-once": N_(
            "Blood pressure {systolic}/{diastolic} is dangerously high. Take it again within 15 minutes. Refer now if that is not possible "
            "or it stays high."
        ),
        "hypertension": N_(
            "High blood pressure: {systolic}/{diastolic}, also after rest. Test the urine, treat, see her again within a week."
        ),
        "pressure-again": N_(
            "Blood pressure {systolic}/{diastolic} is high. Let her rest 10 to 15 minutes and take it again."
        ),
        "pressure-settled": N_("Blood pressure was high at first and normal after rest: {systolic}/{diastolic}."),
        "test-urine": N_("Blood pressure is high: test the urine for protein."),
        "severe-anaemia": N_("Severe anaemia: haemoglobin {haemoglobin} g/dL. Refer now."),
        "anaemia": N_(
            "Anaemia: haemoglobin {haemoglobin} g/dL. Give 120 mg of iron a day and test again in four weeks."
        ),
        "hiv-positive": N_("HIV: make sure that she takes HIV medicine, and plan the baby's care."),
        "syphilis-positive": N_(
            "Syphilis: treat her and her partner with benzathine penicillin, and plan the baby's treatment."
        ),
        "hepatitis-b-positive": N_("Hepatitis B: the baby needs its first vaccine dose within 24 hours of birth."),
        "rhesus-negative": N_("Her blood is Rhesus negative: plan the anti-D injection."),
        "gestational-diabetes": N_("Diabetes of pregnancy: blood sugar {glucose} mmol/L."),
        "diabetes": N_("Diabetes: blood sugar {glucose} mmol/L."),
        "two-last-periods": N_("Two different last periods were noted: {first} and {other}. Find out which is right."),
        "dating-disagrees": N_(
            "The expected date {used} and another finding, which gives {other}, are {days} days apart. Decide which to use."
        ),
        "redated": N_("The expected date of birth was changed from {before} to {after}. All due dates moved with it."),
        "no-sp-sulfa-allergy": N_("No SP against malaria: she is allergic to sulfa medicines."),
        "no-sp-co-trimoxazole": N_("No SP against malaria while she takes co-trimoxazole."),
        "ask-co-trimoxazole": N_("Before giving SP against malaria, ask whether she takes co-trimoxazole: never both."),
        "sp-though-barred": N_(
            "She was given SP although she must not have it ({reason}). Watch her, and note what happens."
        ),
        "sp-too-early": N_("SP was given before 13 weeks."),
        "sp-too-soon": N_("SP was given only {days} days after the dose before; at least four weeks are needed."),
        "worms-too-early": N_("Medicine against worms was given before 13 weeks."),
        "allergy-to-prevention": N_("She is allergic to {medicine}, so it is not asked for."),
        "tetanus-allergy": N_("She is allergic to tetanus vaccine, so none is asked for."),
    }
)
"""Findings (`edge_node.maternal.findings.Finding.code`)."""

DUE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "contact": N_("Antenatal contact of week {week}"),
        "next-contact": N_("Antenatal contact"),
        "dating": N_("Find out how many weeks she is pregnant"),
        "accept-dating": N_("Confirm the expected date of birth"),
        "tetanus": N_("Tetanus vaccine, dose {number}"),
        "iron-folate": N_("Iron {iron_mg} mg and folic acid {folic_acid_mg} mg a day"),
        "iptp": N_("SP against malaria, dose {number}"),
        "calcium": N_("Calcium, {grams} g a day"),
        "aspirin": N_("Aspirin, {milligrams} mg a day, because of {reason}"),
        "worms": N_("One dose of {medicine} against worms"),
        "hiv-test": N_("HIV test"),
        "syphilis-test": N_("Syphilis test"),
        "hepatitis-b-test": N_("Hepatitis B test"),
        "blood-group": N_("Blood group and Rhesus factor"),
        "haemoglobin": N_("Haemoglobin test"),
        "scan": N_("Ultrasound scan before 24 weeks"),
        "glucose": N_("Blood sugar test"),
        "birth-plan": N_("Plan the place of birth, transport and company"),
        "late-birth": N_("41 weeks are over: she goes to the hospital for the birth"),
        "outcome": N_("Find out how the pregnancy ended"),
        "postnatal": N_("Contact after birth {number}"),
        "newborn-contact": N_("Contact of the baby {number}"),
    }
)
"""What is due (`edge_node.maternal.course.Due.kind`)."""

RISKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "young": N_("She will be only {years} at the birth"),
        "older": N_("She will be {years} at the birth"),
        "many-births": N_("{number} births before"),
        "caesarean": N_("Caesarean sections before: {number}"),
        "stillbirth": N_("Babies born dead before: {number}"),
        "past": N_("In an earlier pregnancy: {condition}"),
        "illness": N_("Illness: {condition}"),
        "several-babies": N_("{number} babies"),
        "presentation": N_("The baby lies: {presentation}"),
        "finding": N_("{finding}"),
    }
)
"""Reasons of high risk (`edge_node.maternal.risk.Risk.code`). The parameter `finding` is a key of `FINDINGS`, with its own
parameters beside it."""

CONTRADICTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "last-periods": N_("Two different last periods in one pregnancy"),
        "expected-dates": N_("Expected dates of birth that cannot both be right"),
        "blood-groups": N_("Two different blood groups"),
        "rhesus": N_("Rhesus factor positive and negative"),
        "hiv": N_("HIV positive, and negative after that"),
        "active-pregnancies": N_("More than one pregnancy at the same time"),
        "same-medicine": N_("The same medicine prescribed twice"),
        "seen-after-death": N_("Seen after the day of death"),
    }
)
"""Contradictions between resources (`edge_node.maternal.contradictions.Contradiction.code`)."""

REMINDER: Final = N_("Please come to the clinic on {day}.")
"""The only text of a reminder. It names neither a reason nor the kind of care, since others read her telephone."""

_VALUES: Final = MappingProxyType(
    {
        "sign": (
            said.DANGER_SIGNS,
            said.POSTNATAL_DANGER_SIGNS,
            said.NEWBORN_DANGER_SIGNS,
            said.PRE_ECLAMPSIA_SYMPTOMS,
        ),
        "condition": (CONDITIONS,),
        "presentation": (said.PRESENTATIONS,),
        "medicine": (MEDICINES, ALLERGIES),
    }
)

_REASONS: Final = MappingProxyType(
    {"co-trimoxazole": N_("co-trimoxazole"), "sulfa-allergy": N_("allergy to sulfa medicines")}
)


def word_of(param: str, value: str) -> str:
    """The English words of a parameter that is a code; the value itself where the parameter is none."""
    for table in _VALUES.get(param, ()):
        if value in table:
            return table[value].text
    if param == "reason":
        return _REASONS.get(value) or (CONDITIONS[value].text if value in CONDITIONS else value)
    return value
