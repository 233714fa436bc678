"""Tests of the clinic's own bench: what they are called, how they are coded, what their results are, what is plausible.

Tests that maternal care decides by are its own concepts, so that its rules read what is written here.

Sources of codes: LOINC (https://loinc.org); the results of urine strips as `edge_node/maternal/concepts.py` has them. Plausible ranges are
wide: they ask about slips. 1 mmol/l of glucose is 18.016 mg/dl (molar mass 180.16 g/mol).
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from edge_node.concepts import RESULTS, Concept, Table, concept
from edge_node.language import C_, CLINICAL, Text
from edge_node.maternal import concepts as maternal

POSITIVE: Final = "positive"


def _called(result: str, text: Text) -> Concept:
    """A plain result in the words of one test."""
    return structs.replace(RESULTS[result], text=text.message)


TUBERCULOSIS: Final = Table(
    (
        _called("negative", C_("No tuberculosis found")),
        _called("positive", C_("Tuberculosis found")),
        concept("resistant", "Tuberculosis found, rifampicin does not help", local="mtb-rifampicin-resistant"),
        RESULTS["inconclusive"],
    )
)
FILM: Final = Table(
    (
        concept("0", "No parasites", local="film-0"),
        concept("1", "+", local="film-1"),
        concept("2", "++", local="film-2"),
        concept("3", "+++", local="film-3"),
        concept("4", "++++", local="film-4"),
    )
)
"""Plus signs of a thick film (WHO, Basic malaria microscopy, 2010, learning unit 9)."""
STRIP: Final = Table(
    (
        concept("0", "None", local="strip-0"),
        concept("trace", "Trace", local="strip-trace"),
        concept("1", "+", local="strip-1"),
        concept("2", "++", local="strip-2"),
        concept("3", "+++", local="strip-3"),
    )
)
SICKLE: Final = Table((_called("negative", C_("No sickle cells")), _called("positive", C_("Sickle cells"))))


class Test(Struct, frozen=True, kw_only=True):
    """One test. `values`: what it may say, of a test that says words; `possible` and `plausible`: of one that gives a number.
    `abnormal`: values after which it is marked."""

    name: str
    concept: Concept
    values: Mapping[str, Concept] = MappingProxyType({})
    possible: tuple[str, str] | None = None
    plausible: tuple[str, str] | None = None
    abnormal: frozenset[str] = frozenset({POSITIVE})

    @property
    def text(self) -> Text:
        """What people call it."""
        return Text(self.concept.text, CLINICAL)

    @property
    def field(self) -> str:
        """Its field in the form."""
        return self.name.replace("-", "_")


def _values(table: Table) -> Mapping[str, Concept]:
    return MappingProxyType({one.name: one for one in table})


def _known(name: str) -> Mapping[str, Concept]:
    """The results that maternal care's forms write of a test."""
    return MappingProxyType({result: one for (test, result), one in maternal.RESULT_VALUES.items() if test == name})


def _words(name: str, said: Concept, table: Table = RESULTS, abnormal: str = POSITIVE) -> Test:
    return Test(name=name, concept=said, values=_values(table), abnormal=frozenset(abnormal.split()))


def _number(name: str, said: Concept, possible: tuple[str, str], plausible: tuple[str, str]) -> Test:
    return Test(name=name, concept=said, possible=possible, plausible=plausible)


_OWN: Final = Table(
    (
        concept("malaria-rdt", "Malaria rapid test", loinc="70569-9"),
        concept("malaria-film", "Malaria blood film", loinc="51587-4 32700-7"),
        concept("pregnancy-test", "Pregnancy test", loinc="2106-3"),
        concept("tuberculosis-gene", "Tuberculosis, gene test of sputum", loinc="38379-4"),
        concept("tuberculosis-smear", "Tuberculosis, sputum under the microscope", loinc="11545-1"),
        concept("hepatitis-c-test", "Hepatitis C test", loinc="16128-1"),
        concept("covid-test", "COVID-19 rapid test", loinc="94558-4"),
        concept("sickle-test", "Sickle cell test", loinc="6864-3"),
        concept("urine-glucose", "Sugar in the urine", loinc="25428-4"),
        concept("urine-leukocytes", "White cells in the urine", loinc="5799-2"),
        concept("urine-nitrite", "Nitrite in the urine", loinc="5802-4"),
        concept("urine-blood", "Blood in the urine", loinc="5794-3"),
        concept("urine-ketones", "Ketones in the urine", loinc="2514-8"),
        concept("creatinine", "Creatinine", loinc="14682-9", unit="umol/L"),
        concept("white-cells", "White blood cells", loinc="6690-2", unit="10*9/L"),
        concept("platelets", "Platelets", loinc="777-3", unit="10*9/L"),
        concept("crp", "CRP", loinc="1988-5", unit="mg/L"),
        concept("hba1c", "HbA1c", loinc="4548-4", unit="%"),
        concept("cd4", "CD4 cells", loinc="24467-3", unit="/uL"),
        concept("viral-load", "HIV viral load", loinc="20447-9", unit="{copies}/mL"),
    )
)
_SAID: Final = maternal.STATEMENTS
_GLUCOSE: Final = (("0.5", "60"), ("2.8", "16"))

TESTS: Final = (
    _words("malaria-rdt", _OWN["malaria-rdt"]),
    _words("malaria-film", _OWN["malaria-film"], FILM, "1 2 3 4"),
    _number("haemoglobin", _SAID["haemoglobin"], ("1", "25"), ("7", "18")),
    _number("random-glucose", _SAID["random-glucose"], *_GLUCOSE),
    _number("fasting-glucose", _SAID["fasting-glucose"], *_GLUCOSE),
    Test(
        name="urine-protein",
        concept=_SAID["urine-protein"],
        values=_values(maternal.PROTEIN),
        abnormal=frozenset({"1", "2", "3", "4"}),
    ),
    _words("urine-glucose", _OWN["urine-glucose"], STRIP, "1 2 3"),
    _words("urine-leukocytes", _OWN["urine-leukocytes"], STRIP, "1 2 3"),
    _words("urine-nitrite", _OWN["urine-nitrite"]),
    _words("urine-blood", _OWN["urine-blood"], STRIP, "1 2 3"),
    _words("urine-ketones", _OWN["urine-ketones"], STRIP, "1 2 3"),
    Test(name="hiv-test", concept=_SAID["hiv-test"], values=_known("hiv-test")),
    Test(name="syphilis-test", concept=_SAID["syphilis-test"], values=_known("syphilis-test")),
    Test(name="hepatitis-b-test", concept=_SAID["hepatitis-b-test"], values=_known("hepatitis-b-test")),
    _words("hepatitis-c-test", _OWN["hepatitis-c-test"]),
    Test(name="pregnancy-test", concept=_OWN["pregnancy-test"], values=_values(RESULTS), abnormal=frozenset()),
    _words("tuberculosis-gene", _OWN["tuberculosis-gene"], TUBERCULOSIS, "positive resistant"),
    _words("tuberculosis-smear", _OWN["tuberculosis-smear"]),
    _words("covid-test", _OWN["covid-test"]),
    _words("sickle-test", _OWN["sickle-test"], SICKLE),
    Test(
        name="blood-group",
        concept=_SAID["blood-group"],
        values=MappingProxyType({one.name: one for one in maternal.BLOOD_GROUPS if one.name[-1] in "+-"}),
        abnormal=frozenset(),
    ),
    _number("creatinine", _OWN["creatinine"], ("5", "3000"), ("20", "300")),
    _number("white-cells", _OWN["white-cells"], ("0.1", "500"), ("2", "25")),
    _number("platelets", _OWN["platelets"], ("1", "3000"), ("50", "700")),
    _number("crp", _OWN["crp"], ("0", "700"), ("0", "200")),
    _number("hba1c", _OWN["hba1c"], ("2", "25"), ("4", "14")),
    _number("cd4", _OWN["cd4"], ("0", "5000"), ("10", "2000")),
    _number("viral-load", _OWN["viral-load"], ("0", "100000000"), ("0", "10000000")),
)
"""In the order in which they are offered. CD4 and viral load are asked of those alone whose HIV is on record (`results.py`)."""
OF_HIV: Final = frozenset({"cd4", "viral-load"})
OF_WOMEN: Final = frozenset({"pregnancy-test"})
GLUCOSES: Final = frozenset({"random-glucose", "fasting-glucose"})
_MG_DL_OF_MMOL: Final = Decimal("18.016")


def mmol_of(mg_dl: Decimal) -> Decimal:
    """Glucose in mmol/l from mg/dl, to a tenth, as meters show it."""
    return (mg_dl / _MG_DL_OF_MMOL).quantize(Decimal("0.1"))
