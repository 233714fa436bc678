"""The codes by which the hub knows what clinics say of pregnancies, births and vaccines, as far as it counts them.

The clinic's own tables (Concepts of maternal care, vaccines) have more; a test holds these to the same codes and words. Sources: LOINC,
SNOMED CT, CVX, and the WHO SMART guideline on antenatal care (CodeSystem anc-custom-codes).
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
WHO_ANC: Final = "http://fhir.org/guides/who/anc-cds/CodeSystem/anc-custom-codes"
LOCAL: Final = "urn:medtech-edge:codes"
ALIASES: Final = MappingProxyType(
    {
        "http://smart.who.int/anc/CodeSystem/anc-custom-codes": WHO_ANC,
        "http://fhir.org/guides/who/anc-cds/CodeSystem/anc-custom": WHO_ANC,
    }
)
"""Other addresses under which a code system has been published."""


class Said(Struct, frozen=True):
    """One meaning: its name, plain English for people, and the `(system, code)` pairs that say it."""

    name: str
    text: str
    codings: frozenset[tuple[str, str]]


class Table:
    """Meanings by name, and by any of their codings."""

    def __init__(self, *meanings: Said) -> None:
        self.by_name: Final[Mapping[str, Said]] = MappingProxyType({one.name: one for one in meanings})
        self._by_coding: Final = {coding: one for one in meanings for coding in one.codings}

    def find(self, codeable: object) -> Said | None:
        """What a FHIR CodeableConcept (decoded) says by its first known coding; None if nothing."""
        return next((found for coding in codings(codeable) if (found := self._by_coding.get(coding))), None)

    def codes(self) -> Iterator[str]:
        """All codes, without their systems."""
        return (code for _, code in self._by_coding)


def codings(codeable: object) -> Iterator[tuple[str, str]]:
    """`(system, code)` of each coding of a CodeableConcept; nothing of what is none."""
    listed: Any = codeable.get("coding") if isinstance(codeable, dict) else None
    for coding in listed if isinstance(listed, list) else ():
        if isinstance(coding, dict):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield ALIASES.get(system, system), code


def said(name: str, text: str, *, loinc: str = "", snomed: str = "", anc: str = "", local: str = "") -> Said:
    """A meaning from the codes of each system, with spaces between; WHO's without their common "ANC."."""
    found = {(LOINC, code) for code in loinc.split()} | {(SNOMED, code) for code in snomed.split()}
    found |= {(WHO_ANC, f"ANC.{code}") for code in anc.split()} | {(LOCAL, code) for code in local.split()}
    return Said(name, text, frozenset(found))


EPISODES: Final = Table(
    said("antenatal-care", "Pregnancy and birth", snomed="424525001 134435003", local="pregnancy-episode")
)
"""EpisodeOfCare.type."""

VISITS: Final = Table(
    said("antenatal-contact", "Antenatal contact", snomed="424619006 424441002", anc="B5.DE3 B5.DE2 B5.DE4"),
    said("postnatal-contact", "Contact after birth", snomed="169762003 133906008", local="postnatal-contact"),
    said("birth", "Birth", snomed="236973005", local="birth"),
)
"""Encounter.type."""

STATEMENTS: Final = Table(
    said("lmp", "First day of the last period", loinc="8665-2", snomed="21840007", anc="B6.DE14"),
    said("gestational-age", "Weeks of pregnancy", loinc="18185-9 49051-6 11884-4", snomed="57036006", anc="B6.DE17"),
    said("age-by-ultrasound", "Weeks of pregnancy by ultrasound", loinc="11888-5"),
    said("age-by-lmp", "Weeks of pregnancy by the last period", loinc="11885-1"),
    said("expected-birth", "Expected date of birth", loinc="11778-8 57714-8", snomed="161714006"),
    said("expected-birth-by-lmp", "Expected date of birth by the last period", loinc="11779-6"),
    said("expected-birth-by-ultrasound", "Expected date of birth by ultrasound", loinc="11781-2"),
    said("accepted-dating", "Accepted expected date of birth", local="accepted-dating"),
    said("danger-signs", "Danger signs", anc="B5.DE48"),
    said("outcome", "How the pregnancy ended", loinc="63893-2", anc="End.1"),
    said("postnatal-danger-signs", "Danger signs of the mother after birth", local="postnatal-danger-signs"),
    said("newborn-danger-signs", "Danger signs of the newborn", local="newborn-danger-signs"),
)
"""Observation.code, of those that are counted or date a pregnancy."""

COMPONENTS: Final = Table(
    said("dating-source", "How the weeks were found", anc="B6.DE18"),
    said("lmp-certainty", "How sure the date of the last period is", local="lmp-certainty"),
)
"""Observation.component.code."""

DATING_SOURCES: Final = Table(
    said("lmp", "The last period", loinc="11885-1", snomed="21840007", anc="B6.DE19"),
    said("ultrasound", "Ultrasound", loinc="11888-5", anc="B6.DE20"),
    said("fundal-height", "Height of the womb", snomed="249016007", anc="B6.DE21"),
)
CERTAINTIES: Final = Table(
    said("certain", "Sure", local="lmp-certain"), said("uncertain", "Not sure", local="lmp-uncertain")
)

OUTCOMES: Final = Table(
    said("live-birth", "Live birth", snomed="281050002", anc="End.2", local="live-birth"),
    said("stillbirth", "Stillbirth", snomed="237364002", anc="End.3", local="stillbirth"),
    said("miscarriage", "Miscarriage", snomed="17369002 19169002", anc="End.4", local="miscarriage"),
    said("abortion", "Abortion", snomed="386639001 57797005", anc="End.5", local="abortion"),
    said("ectopic", "Pregnancy outside the womb", snomed="34801009 79586000", local="ectopic"),
    said("mother-died", "She died", anc="End.6", local="mother-died"),
    said("lost", "Lost from sight", anc="End.7", local="lost"),
    said("moved", "Moved away", anc="End.8", local="moved"),
    said("not-pregnant", "She was not pregnant", anc="End.9", local="not-pregnant"),
    said("mistake", "Entered by mistake", anc="End.10", local="mistake"),
    said("other", "Other", anc="End.11", local="other-end"),
)
"""Values of `outcome`."""

NO_SIGN: Final = "none"
DANGER_SIGNS: Final[Mapping[str, Table]] = MappingProxyType(
    {
        "danger-signs": Table(
            said("bleeding", "Bleeding from the vagina", snomed="289530006", anc="B5.DE50"),
            said("central-cyanosis", "Blue lips or tongue", snomed="95837007", anc="B5.DE51"),
            said("convulsing", "Fits", snomed="91175000", anc="B5.DE52"),
            said("fever", "Fever", snomed="386661006", anc="B5.DE53"),
            said("imminent-delivery", "Birth about to happen", anc="B5.DE54"),
            said("labour", "Labour", anc="B5.DE55"),
            said("looks-very-ill", "Looks very ill", anc="B5.DE56"),
            said("severe-headache", "Severe headache", anc="B5.DE57"),
            said("severe-pain", "Severe pain", snomed="76948002", anc="B5.DE58"),
            said("severe-vomiting", "Severe vomiting", anc="B5.DE59"),
            said("severe-abdominal-pain", "Severe pain in the belly", anc="B5.DE60"),
            said("unconscious", "Unconscious", snomed="418107008", anc="B5.DE61"),
            said("visual-disturbance", "Trouble seeing", snomed="63102001", anc="B5.DE62"),
            said(NO_SIGN, "No danger sign", snomed="161915001", anc="B5.DE49"),
        ),
        "postnatal-danger-signs": Table(
            said("heavy-bleeding", "Heavy bleeding", snomed="47821001", local="postnatal-heavy-bleeding"),
            said("convulsing", "Fits", snomed="91175000", anc="B5.DE52"),
            said("fast-breathing", "Fast or difficult breathing", local="postnatal-fast-breathing"),
            said("fever", "Fever or too weak to get up", snomed="386661006", anc="B5.DE53"),
            said("severe-headache", "Severe headache with trouble seeing", anc="B5.DE57"),
            said("calf-pain", "Pain, redness or swelling of a calf, shortness of breath", local="postnatal-calf-pain"),
            said("severe-abdominal-pain", "Severe pain in the belly", anc="B5.DE60"),
            said("foul-discharge", "Bad-smelling discharge", local="postnatal-foul-discharge"),
            said("self-harm", "Thoughts of harming herself or the baby", local="postnatal-self-harm"),
            said(NO_SIGN, "No danger sign", snomed="161915001", anc="B5.DE49"),
        ),
        "newborn-danger-signs": Table(
            said("not-feeding", "Not feeding well", local="newborn-not-feeding"),
            said("convulsing", "Fits", local="newborn-convulsions"),
            said("fast-breathing", "Fast breathing (60 a minute or more)", local="newborn-fast-breathing"),
            said("chest-indrawing", "Chest drawn in with each breath", local="newborn-chest-indrawing"),
            said("no-movement", "No movement by itself", local="newborn-no-movement"),
            said("fever", "Fever (37.5 °C or more)", local="newborn-fever"),
            said("cold", "Low body temperature (below 35.5 °C)", local="newborn-cold"),
            said(
                "jaundice",
                "Yellow skin in the first 24 hours, or yellow palms and soles at any age",
                local="newborn-jaundice",
            ),
            said(NO_SIGN, "No danger sign", local="newborn-no-danger-sign"),
        ),
    }
)
"""Values of the statements of those names: WHO's thirteen of pregnancy, those after birth, those of newborns."""

VACCINES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bcg": "BCG (tuberculosis)",
        "hepb": "Hepatitis B",
        "opv": "Polio drops (OPV)",
        "ipv": "Polio injection (IPV)",
        "polio": "Polio vaccine, drops or injection not said",
        "penta": "Five-in-one (DTP, hepatitis B, Hib)",
        "hexa": "Six-in-one (DTP, hepatitis B, Hib, polio)",
        "dtp": "DTP (diphtheria, tetanus, whooping cough)",
        "dtp-hib": "DTP and Hib",
        "dtp-ipv": "DTP and polio injection",
        "dtp-hib-ipv": "DTP, Hib and polio injection",
        "dtp-hepb-ipv": "DTP, hepatitis B and polio injection",
        "tdap": "Tdap (booster with whooping cough)",
        "dt": "DT (diphtheria, tetanus, for children)",
        "td": "Td (tetanus, diphtheria)",
        "tt": "Tetanus (TT)",
        "hib": "Hib (meningitis and pneumonia of children)",
        "hib-hepb": "Hib and hepatitis B",
        "pcv": "Pneumococcal (PCV)",
        "rota": "Rotavirus drops",
        "measles": "Measles",
        "mr": "Measles and rubella (MR)",
        "mmr": "Measles, mumps and rubella (MMR)",
        "mmrv": "Measles, mumps, rubella and chickenpox",
        "rubella": "Rubella",
        "mumps": "Mumps",
        "varicella": "Chickenpox",
        "zoster-live": "Shingles (live)",
        "yellow-fever": "Yellow fever",
        "hpv": "HPV (cervical cancer)",
        "malaria": "Malaria",
        "menacwy": "Meningitis ACWY",
        "ppv": "Pneumococcal, for adults (PPV23)",
        "hepa": "Hepatitis A",
        "influenza": "Influenza",
    }
)
"""Kinds of vaccines in words."""

_VACCINE_CODES: Final = (
    ("bcg", "1861000221106 836402002 19"),
    ("hepb", "871822003 170370000 170371001 170372008 ANC.B10.DE182 ANC.B10.DE184 ANC.B10.DE186 08 45 42 43 44 189"),
    ("opv", "1051000221104 178 02 179 182 XM79H3 XM0VX8 XM0KZ1"),
    ("ipv", "871740006 10 XM5V19"),
    ("polio", "1031000221108 871739009 89 XM0N50"),
    ("penta", "1162637003 198 102"),
    ("hexa", "146 132"),
    ("dtp", "2061000221109 20 01 106 107"),
    ("dtp-hib", "22 50"),
    ("dtp-ipv", "130"),
    ("dtp-hib-ipv", "120 170"),
    ("dtp-hepb-ipv", "110"),
    ("tdap", "115"),
    ("dt", "28"),
    ("td", "2031000221103 139 09 113 138 196"),
    (
        "tt",
        "1101000221104 170330007 170331006 170332004 170334003 127786006 ANC.B10.DE165 "
        "ANC.B10.DE167 ANC.B10.DE169 ANC.B10.DE171 ANC.B10.DE173 112 35 142",
    ),
    ("hib", "17 46 47 48 49"),
    ("hib-hepb", "51"),
    ("pcv", "1252709000 152 133 177 100 215 216"),
    ("rota", "1081000221109 122 119 116 74"),
    ("measles", "05"),
    ("mr", "871817003 04"),
    ("mmr", "03"),
    ("mmrv", "94"),
    ("rubella", "06"),
    ("mumps", "07"),
    ("varicella", "21"),
    ("zoster-live", "121"),
    ("yellow-fever", "1121000221106 37 183 184 XM0N24 XM3418"),
    ("hpv", "911000221103 137 62 118 165"),
    ("malaria", "45861000087106 67"),
    ("menacwy", "108 114 136 147 203"),
    ("ppv", "33"),
    ("hepa", "85 52 83 84 31"),
    ("influenza", "ANC.B10.DE195 88 140 141 150 158"),
)

VACCINE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {code: name for name, codes in _VACCINE_CODES for code in (*codes.split(), f"vaccine-{name}")}
)
"""Code (CVX, SNOMED CT, ICD-11, WHO ANC or the clinics' own) → kind of vaccine."""
