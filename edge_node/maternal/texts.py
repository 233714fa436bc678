"""Texts for what maternal care finds, asks for and counts, by code, with `%(name)s` for parameters.

A `Text` is a key of the catalogues and becomes words when it is shown, so the rules that name one know nothing of who reads. They are
clinical: what no speaker has checked is marked where it is shown. Values that are themselves codes (a danger sign, a condition) are named
by their Concept's text (`word_of`): the second argument of every `concept(…)` is a text too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge_node.language import C_, N_, Text
from edge_node.maternal import concepts as said
from edge_node.maternal.history_concepts import ALLERGIES, CONDITIONS, MEDICINES

FINDINGS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "danger-signs": C_("Danger sign: %(sign)s. Refer now."),
        "postnatal-danger-signs": C_("Danger sign after birth: %(sign)s. Refer now."),
        "newborn-danger-signs": C_("Danger sign of the baby: %(sign)s. Refer now."),
        "movement-none": C_("The baby does not move. Refer now."),
        "movement-reduced": C_("The baby moves less than before. Refer now."),
        "no-heartbeat": C_("The baby's heartbeat was not heard. Refer now."),
        "heart-rate": C_("The baby's heart beats %(rate)s times a minute; 110 to 159 is normal. Refer now."),
        "severe-pre-eclampsia": C_(
            "Severe pre-eclampsia: blood pressure %(systolic)s/%(diastolic)s with %(sign)s. Refer now."
        ),
        "severe-pre-eclampsia-by-pressure": C_(
            "Severe pre-eclampsia: blood pressure %(systolic)s/%(diastolic)s with protein in the urine (%(protein)s plus). Refer now."
        ),
        "pre-eclampsia": C_(
            "Pre-eclampsia: blood pressure %(systolic)s/%(diastolic)s with protein in the urine (%(protein)s plus). Refer now."
        ),
        "raised-with-signs": C_(
            "Blood pressure %(systolic)s/%(diastolic)s with %(sign)s: perhaps severe pre-eclampsia. "
            "Refer now, without waiting for a second reading."
        ),
        "raised-with-protein": C_(
            "Blood pressure %(systolic)s/%(diastolic)s with protein in the urine (%(protein)s plus): perhaps pre-eclampsia. "
            "Take the pressure again after 10 to 15 minutes of rest, and refer."
        ),
        "severe-hypertension": C_(
            "Severe high blood pressure: %(systolic)s/%(diastolic)s, also after rest. Refer now."
        ),
        "severe-pressure-once": C_(
            "Blood pressure %(systolic)s/%(diastolic)s is dangerously high. Take it again within 15 minutes. "
            "Refer now if that is not possible or it stays high."
        ),
        "hypertension": C_(
            "High blood pressure: %(systolic)s/%(diastolic)s, also after rest. Test the urine, treat, see her again within a week."
        ),
        "pressure-again": C_(
            "Blood pressure %(systolic)s/%(diastolic)s is high. Let her rest 10 to 15 minutes and take it again."
        ),
        "pressure-settled": C_("Blood pressure was high at first and normal after rest: %(systolic)s/%(diastolic)s."),
        "test-urine": C_("Blood pressure is high: test the urine for protein."),
        "severe-anaemia": C_("Severe anaemia: haemoglobin %(haemoglobin)s g/dL. Refer now."),
        "anaemia": C_(
            "Anaemia: haemoglobin %(haemoglobin)s g/dL. Give 120 mg of iron a day and test again in four weeks."
        ),
        "hiv-positive": C_("HIV: make sure that she takes HIV medicine, and plan the baby's care."),
        "syphilis-positive": C_(
            "Syphilis: treat her and her partner with benzathine penicillin, and plan the baby's treatment."
        ),
        "hepatitis-b-positive": C_("Hepatitis B: the baby needs its first vaccine dose within 24 hours of birth."),
        "rhesus-negative": C_("Her blood is Rhesus negative: plan the anti-D injection."),
        "gestational-diabetes": C_("Diabetes of pregnancy: blood sugar %(glucose)s mmol/L."),
        "diabetes": C_("Diabetes: blood sugar %(glucose)s mmol/L."),
        "two-last-periods": C_(
            "Two different last periods were noted: %(first)s and %(other)s. Find out which is right."
        ),
        "dating-disagrees": C_(
            "The expected date %(used)s and another finding, which gives %(other)s, are %(days)s days apart. Decide which to use."
        ),
        "redated": C_(
            "The expected date of birth was changed from %(before)s to %(after)s. All due dates moved with it."
        ),
        "no-sp-sulfa-allergy": C_("No SP against malaria: she is allergic to sulfa medicines."),
        "no-sp-co-trimoxazole": C_("No SP against malaria while she takes co-trimoxazole."),
        "ask-co-trimoxazole": C_("Before giving SP against malaria, ask whether she takes co-trimoxazole: never both."),
        "sp-though-barred": C_(
            "She was given SP although she must not have it (%(reason)s). Watch her, and note what happens."
        ),
        "sp-too-early": C_("SP was given before 13 weeks."),
        "sp-too-soon": C_("SP was given only %(days)s days after the dose before; at least four weeks are needed."),
        "worms-too-early": C_("Medicine against worms was given before 13 weeks."),
        "allergy-to-prevention": C_("She is allergic to %(medicine)s, so it is not asked for."),
        "tetanus-allergy": C_("She is allergic to tetanus vaccine, so none is asked for."),
    }
)
"""Findings (`edge_node.maternal.findings.Finding.code`)."""

DUE: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "contact": C_("Antenatal contact of week %(week)s"),
        "next-contact": C_("Antenatal contact"),
        "dating": C_("Find out how many weeks she is pregnant"),
        "accept-dating": C_("Confirm the expected date of birth"),
        "tetanus": C_("Tetanus vaccine, dose %(number)s"),
        "iron-folate": C_("Iron %(iron_mg)s mg and folic acid %(folic_acid_mg)s mg a day"),
        "iptp": C_("SP against malaria, dose %(number)s"),
        "calcium": C_("Calcium, %(grams)s g a day"),
        "aspirin": C_("Aspirin, %(milligrams)s mg a day, because of %(reason)s"),
        "worms": C_("One dose of %(medicine)s against worms"),
        "hiv-test": C_("HIV test"),
        "syphilis-test": C_("Syphilis test"),
        "hepatitis-b-test": C_("Hepatitis B test"),
        "blood-group": C_("Blood group and Rhesus factor"),
        "haemoglobin": C_("Haemoglobin test"),
        "scan": C_("Ultrasound scan before 24 weeks"),
        "glucose": C_("Blood sugar test"),
        "birth-plan": C_("Plan the place of birth, transport and company"),
        "late-birth": C_("41 weeks are over: she goes to the hospital for the birth"),
        "outcome": C_("Find out how the pregnancy ended"),
        "postnatal": C_("Contact after birth %(number)s"),
        "newborn-contact": C_("Contact of the baby %(number)s"),
    }
)
"""What is due (`edge_node.maternal.course.Due.kind`)."""

RISKS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "young": C_("She will be only %(years)s at the birth"),
        "older": C_("She will be %(years)s at the birth"),
        "many-births": C_("Births before: %(number)s"),
        "caesarean": C_("Caesarean sections before: %(number)s"),
        "stillbirth": C_("Babies born dead before: %(number)s"),
        "past": C_("In an earlier pregnancy: %(condition)s"),
        "illness": C_("Illness: %(condition)s"),
        "several-babies": C_("Babies in this pregnancy: %(number)s"),
        "presentation": C_("The baby lies: %(presentation)s"),
        "finding": Text("%(finding)s"),
    }
)
"""Reasons of high risk (`edge_node.maternal.risk.Risk.code`). The parameter `finding` is a key of `FINDINGS`, with its own
parameters beside it."""

CONTRADICTIONS: Final[Mapping[str, Text]] = MappingProxyType(
    {
        "last-periods": C_("Two different last periods in one pregnancy"),
        "expected-dates": C_("Expected dates of birth that cannot both be right"),
        "blood-groups": C_("Two different blood groups"),
        "rhesus": C_("Rhesus factor positive and negative"),
        "hiv": C_("HIV positive, and negative after that"),
        "active-pregnancies": C_("More than one pregnancy at the same time"),
        "same-medicine": C_("The same medicine prescribed twice"),
        "seen-after-death": C_("Seen after the day of death"),
    }
)
"""Contradictions between resources (`edge_node.maternal.contradictions.Contradiction.code`)."""

REMINDER: Final = N_("Please come to the clinic on %(day)s.")
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
    {"co-trimoxazole": C_("co-trimoxazole"), "sulfa-allergy": C_("allergy to sulfa medicines")}
)


def word_of(param: str, value: str) -> Text | None:
    """The text of a parameter that is a code; None where it is none."""
    if param == "reason" and value in _REASONS:
        return _REASONS[value]
    tables = (CONDITIONS,) if param == "reason" else _VALUES.get(param, ())
    return next((C_(table[value].text) for table in tables if value in table), None)
