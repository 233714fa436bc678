"""Why a medicine should not be given to somebody: allergy, pregnancy, breast-feeding, age, the same medicine twice.

Pure: a person's facts (`Person`) and a medicine in, `Caution`s out, the gravest first. They ask; who prescribes decides, and says why.
What is not found here is not thereby safe: the tables hold what is well known, of medicines of a primary-care clinic.

Sources, by table:
* `PREGNANCY`: WHO Model Formulary 2008, appendix 2 ("Pregnancy"); WHO, Guidelines for malaria, 2022 (artemether-lumefantrine is given
  in the first trimester too, so it is not here); WHO, Medical eligibility criteria and statement on valproate, 2023 (not for girls and
  women who may become pregnant).
* `BREASTFEEDING`: WHO and UNICEF, Breastfeeding and maternal medication, 2002; WHO Model Formulary 2008, appendix 3; WHO, Medical
  eligibility criteria for contraceptive use, fifth edition, 2015 (combined pills and breast-feeding).
* `AGES`: WHO Model Formulary for Children 2010, monographs; WHO, IMCI chart booklet 2014 (no antidiarrhoeals for small children).
* Allergies: `edge_node/medicines/substances.py`.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

from edge_node.language import C_, Text
from edge_node.medicines import formulary, substances
from edge_node.medicines.formulary import Medicine

Degree = Literal["avoid", "care"]
"""`avoid`: usually wrong; `care`: to be weighed."""
FERTILE_YEARS: Final = range(12, 50)
TERM_WEEKS: Final = 42
"""A pregnancy that nothing dates may be of any week."""


class Allergy(Struct, frozen=True):
    """An allergy in force. `text`: as it is recorded; `groups`: names in `substances.GROUPS`; `atc`: of a single medicine; `names`:
    medicines of the formulary that its words name."""

    text: str
    groups: frozenset[str] = frozenset()
    atc: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    severe: bool = False


class Taken(Struct, frozen=True):
    """A medicine in force. `ref`: its record; `text`: as it is recorded; `atc`: its code, "" without one."""

    ref: str
    text: str
    atc: str = ""


class Person(Struct, frozen=True, kw_only=True):
    """Whom a medicine is for. `pregnant`: whether a pregnancy is on record, `weeks` how far it is, None where it is not dated.
    `may_be_pregnant`: a woman of an age for it. `breastfeeding`: a birth of the last two years is on record."""

    age_days: int | None = None
    pregnant: bool = False
    weeks: int | None = None
    may_be_pregnant: bool = False
    breastfeeding: bool = False
    allergies: tuple[Allergy, ...] = ()
    medicines: tuple[Taken, ...] = ()


class Caution(Struct, frozen=True):
    """One reason. `kind`: `allergy`, `cross-allergy`, `twice`, `pregnancy`, `may-be-pregnant`, `breastfeeding`, `age`."""

    kind: str
    degree: Degree
    text: Text


class Rule(Struct, frozen=True):
    """Of medicines whose ATC code begins so: when it counts, and why. `weeks`: of pregnancy, first and last; `harms`: it is known to
    harm an unborn child, so who may be pregnant is asked about too."""

    atc: tuple[str, ...]
    degree: Degree
    text: Text
    weeks: tuple[int, int] = (0, TERM_WEEKS + 3)
    harms: bool = False


class AgeRule(Struct, frozen=True):
    """Of medicines whose ATC code begins so: the age in days below which it counts, and why."""

    atc: tuple[str, ...]
    below_days: int
    degree: Degree
    text: Text


def _rule(atc: str, degree: Degree, text: Text, weeks: tuple[int, int] = (0, 45), *, harms: bool = False) -> Rule:
    return Rule(tuple(atc.split()), degree, text, weeks, harms)


FIRST, LAST, FROM_MIDDLE = (0, 13), (28, 45), (16, 45)
PREGNANCY: Final = (
    _rule("C09", "avoid", C_("It harms the kidneys of the unborn child."), harms=True),
    _rule("N03AG01", "avoid", C_("It causes malformations and harms the child's mind."), harms=True),
    _rule("L04AX03 L01BA01", "avoid", C_("It causes malformations and miscarriage."), harms=True),
    _rule("L01XX05", "avoid", C_("It may cause malformations."), harms=True),
    _rule("B01AA03", "avoid", C_("It causes malformations, and bleeding of the unborn child."), harms=True),
    _rule("A02BB01 G03XB01", "avoid", C_("It ends a pregnancy."), harms=True),
    _rule("G02AB", "avoid", C_("It makes the womb contract: not before the birth."), harms=True),
    _rule("D01BA01", "avoid", C_("It may cause malformations."), harms=True),
    _rule("L02BA01", "avoid", C_("It may harm the unborn child."), harms=True),
    _rule("C10AA", "avoid", C_("It may harm the unborn child."), harms=True),
    _rule("J01AA", "avoid", C_("It stains teeth and harms bones of the child."), FROM_MIDDLE),
    _rule("J01AA", "care", C_("In early pregnancy only where nothing else helps."), (0, 15)),
    _rule("J01MA", "care", C_("Others are preferred in pregnancy."), ),
    _rule("J01G", "avoid", C_("It may harm the child's hearing."), ),
    _rule("M01A N02BA", "avoid", C_("Late in pregnancy it harms the child's heart and kidneys."), LAST),
    _rule("M01A N02BA", "care", C_("Paracetamol is preferred in pregnancy."), (0, 27)),
    _rule("P01BA03", "avoid", C_("It may destroy the child's blood cells: wait until after the birth.")),
    _rule("P02CF01", "avoid", C_("Not in pregnancy: wait until after the birth.")),
    _rule("P02CA P02CB02", "avoid", C_("Not in the first three months of pregnancy."), FIRST),
    _rule("P01BD51", "avoid", C_("Not in the first three months of pregnancy."), (0, 12)),
    _rule("J01E", "care", C_("It hinders folic acid in the first three months."), FIRST),
    _rule("J01E D06BA01", "care", C_("Near the birth it may cause jaundice of the newborn."), (36, 45)),
    _rule("J01XE01", "avoid", C_("Near the birth it may destroy the newborn's blood cells."), (36, 45)),
    _rule("J01BA01", "avoid", C_("Near the birth it may poison the newborn."), LAST),
    _rule("J02AC", "care", C_("High doses may cause malformations; use a cream or pessary."), harms=True),
    _rule("N03AA N03AB N03AF", "care", C_("It may cause malformations. Do not stop it suddenly; give folic acid."), harms=True),
    _rule("N05AN01", "avoid", C_("It may cause a heart defect of the child."), harms=True),
    _rule("H03BB", "care", C_("It may cause malformations; propylthiouracil is preferred in the first three months."), FIRST),
    _rule("C07AB03", "care", C_("It may keep the child small; labetalol or methyldopa is preferred.")),
    _rule("C03", "care", C_("Not for swelling or high blood pressure of pregnancy.")),
    _rule("C01BD01", "avoid", C_("It may harm the child's thyroid.")),
    _rule("N05BA N05CD", "care", C_("Given repeatedly, the newborn may be drowsy.")),
    _rule("N02A R05DA04", "care", C_("Near the birth the newborn may breathe badly."), (36, 45)),
    _rule("P01CX04", "avoid", C_("It may cause malformations."), harms=True),
    _rule("D08AG", "care", C_("Iodine may harm the child's thyroid when it is used often.")),
    _rule("A10BB", "care", C_("Near the birth the newborn's sugar may be low; insulin is preferred.")),
)  # fmt: skip
BREASTFEEDING: Final = (
    _rule("L01 L04AX L02BA", "avoid", C_("Not while breast-feeding.")),
    _rule("N05AN01", "avoid", C_("It goes into the milk and may poison the child.")),
    _rule("C01BD01", "avoid", C_("It goes into the milk and may harm the child's thyroid.")),
    _rule("J01BA01", "avoid", C_("It goes into the milk and may harm the child's blood.")),
    _rule("J01AA", "care", C_("Not for longer than ten days while breast-feeding.")),
    _rule("J01MA", "care", C_("Others are preferred while breast-feeding.")),
    _rule("J01E P01BD51 J04BA02 P01BA03", "care", C_("Not if the baby is jaundiced, premature or under one month.")),
    _rule("N02A R05DA04", "avoid", C_("The baby may stop breathing.")),
    _rule("N03AA N05BA N05CD", "care", C_("Watch whether the baby is drowsy.")),
    _rule("N02BA", "care", C_("Paracetamol is preferred while breast-feeding.")),
    _rule("G03AA", "care", C_("It lessens the milk: not in the first six months after the birth.")),
    _rule("C07AB03", "care", C_("Watch the baby's pulse and breathing; propranolol is preferred.")),
    _rule("G02AB", "care", C_("It lessens the milk.")),
    _rule("D08AG", "care", C_("Iodine goes into the milk when it is used often.")),
)  # fmt: skip
_YEAR: Final = 365
AGES: Final = (
    AgeRule(("N02BA",), 16 * _YEAR, "avoid", C_("Not under 16 years: it may harm liver and brain (Reye's syndrome).")),
    AgeRule(("J01AA",), 8 * _YEAR, "care", C_("Under 8 years it stains the teeth.")),
    AgeRule(("R05DA04", "N02AX02"), 12 * _YEAR, "avoid", C_("Not under 12 years: it may stop the breathing.")),
    AgeRule(("A07DA",), 5 * _YEAR, "avoid", C_("Not for small children with diarrhoea.")),
    AgeRule(("A03FA01",), _YEAR, "avoid", C_("Not under one year: it may cause cramps.")),
    AgeRule(("R06AD02",), 2 * _YEAR, "avoid", C_("Not under 2 years: it may stop the breathing.")),
    AgeRule(("J01MA",), 18 * _YEAR, "care", C_("Under 18 years only where others do not help.")),
    AgeRule(("J01E",), 42, "avoid", C_("Not in the first six weeks: it may harm the brain of a jaundiced newborn.")),
    AgeRule(("P01BA03",), 183, "avoid", C_("Not under six months.")),
    AgeRule(("P02C", "P02D"), _YEAR, "care", C_("Not under one year.")),
    AgeRule(("M01AE01",), 91, "avoid", C_("Not under three months.")),
    AgeRule(("J01DD04",), 28, "care", C_("Not for a jaundiced newborn, and never together with calcium.")),
    AgeRule(("C09",), 18 * _YEAR, "care", C_("Children get it from a specialist.")),
)


def cautions(medicine: Medicine, person: Person, *, instead_of: str = "") -> tuple[Caution, ...]:
    """All reasons against giving it, the gravest first. `instead_of`: the record that it replaces, which is no second one."""
    codes = ingredients(medicine)
    found = [
        *_allergies(medicine, codes, person.allergies),
        *_pregnancy(codes, person),
        *_breastfeeding(codes, person),
        *_age(codes, person.age_days),
        *_twice(medicine, codes, person.medicines, instead_of),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: (one.degree != "avoid", _ORDER.index(one.kind))))


_ORDER: Final = ("allergy", "cross-allergy", "pregnancy", "may-be-pregnant", "breastfeeding", "age", "twice")


def _allergies(medicine: Medicine, codes: frozenset[str], allergies: Iterable[Allergy]) -> Iterator[Caution]:
    said = {group.name for group in substances.groups_in(formulary.said(formulary.Product(medicine)))}
    own = said | {group.name for group in substances.GROUPS if any(map(group.holds, codes))}
    near = {other for name in own for other in substances.CROSS.get(name, ())}
    for allergy in allergies:
        if own & allergy.groups or codes & allergy.atc or medicine.name in allergy.names:
            yield Caution("allergy", "avoid", C_("An allergy is on record: %(what)s.").of(what=allergy.text))
        elif near & allergy.groups:
            text = C_("An allergy is on record to something near to it: %(what)s.")
            yield Caution("cross-allergy", "avoid" if allergy.severe else "care", text.of(what=allergy.text))


def _pregnancy(codes: frozenset[str], person: Person) -> Iterator[Caution]:
    for rule in PREGNANCY:
        if not any(code.startswith(rule.atc) for code in codes):
            continue
        if person.pregnant and (person.weeks is None or rule.weeks[0] <= person.weeks <= rule.weeks[1]):
            yield Caution("pregnancy", rule.degree, C_("She is pregnant. %(why)s").of(why=rule.text))
        elif not person.pregnant and person.may_be_pregnant and rule.harms and rule.degree == "avoid":
            text = C_("Could she be pregnant, or become so? %(why)s")
            yield Caution("may-be-pregnant", "care", text.of(why=rule.text))


def _breastfeeding(codes: frozenset[str], person: Person) -> Iterator[Caution]:
    if person.breastfeeding and not person.pregnant:
        for rule in BREASTFEEDING:
            if any(code.startswith(rule.atc) for code in codes):
                text = C_("She may be breast-feeding. %(why)s")
                yield Caution("breastfeeding", rule.degree, text.of(why=rule.text))


def _age(codes: frozenset[str], age_days: int | None) -> Iterator[Caution]:
    for rule in AGES:
        young = age_days is not None and age_days < rule.below_days
        if young and any(code.startswith(rule.atc) for code in codes):
            yield Caution("age", rule.degree, rule.text)


def _twice(medicine: Medicine, codes: frozenset[str], taken: Iterable[Taken], instead_of: str) -> Iterator[Caution]:
    key = formulary.key_of(medicine.name)
    for one in taken:
        if one.ref == instead_of:
            continue
        known = formulary.find(one.text).medicine
        same = codes & (ingredients(known) | ({one.atc} if one.atc else set()))
        if same or formulary.key_of(known.name) == key:
            yield Caution("twice", "care", C_("It is prescribed already: %(what)s.").of(what=one.text))


def ingredients(medicine: Medicine) -> frozenset[str]:
    """ATC codes of a medicine and, of a combination ("… and …") or words of one's own, of each part that the formulary knows."""
    if medicine.atc and " and " not in medicine.name:
        return frozenset({medicine.atc})
    return formulary.named_in(medicine.name) | (frozenset({medicine.atc}) - {""})
