"""Vaccines: what each protects against, whether it is live, and the codes by which it is written and recognised.

A schedule asks for protection (antigens), not for products; so a combined vaccine counts for all that it holds, and
measles vaccine, MR and MMR are alternatives without a rule that says so.

Sources of codes: CVX, https://www2.cdc.gov/vaccines/iis/iisstandards/vaccines.asp?rpt=cvx (3 September 2025); SNOMED CT
as used by the Nigerian immunisation guide (Nigeria-FHIR-Community/NPHCDA-ImmunizationIG, nigeria-vaccine-library) and
by the EU's and the Swiss vaccination lists; ICD-11 (XM codes) as used by WHO's smart-icvp; WHO ANC as in smart-anc,
whose examples carry a code for each *dose* (DE165, DE167 … are the first, the second … tetanus dose): the order is told
by dates here, never by such a code.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from edge_node.concepts import Coding, Concept, Table, concept, text_of

ICD11: Final = "http://id.who.int/icd/release/11/mms"

LIVE_VIRUS: Final = "virus"
LIVE_BACTERIA: Final = "bacteria"


class Vaccine(msgspec.Struct, frozen=True):
    """A kind of vaccine.

    `antigens`: what it protects against. `spaces`: the antigens whose next dose has to wait for its interval: those,
    and what it may have held besides. `live`: "virus", "bacteria" or "": set only for live vaccines that are injected,
    since those by mouth (polio, rotavirus) may be given at any interval to others (ACIP, General Best Practice
    Guidelines, "Timing and Spacing of Immunobiologics", table 3-4, 2023).
    """

    concept: Concept
    antigens: frozenset[str]
    spaces: frozenset[str]
    live: str = ""

    @property
    def name(self) -> str:
        """How schedules and facts call it."""
        return self.concept.name


def _vaccine(
    name: str,
    text: str,
    antigens: str,
    *,
    perhaps: str = "",
    live: str = "",
    cvx: str = "",
    snomed: str = "",
    anc: str = "",
    icd11: str = "",
) -> Vaccine:
    more = tuple(Coding(ICD11, code) for code in icd11.split())
    said = concept(name, text, local=f"vaccine-{name}", cvx=cvx, snomed=snomed, anc=anc, more=more)
    held = frozenset(antigens.split())
    return Vaccine(said, held, held | frozenset(perhaps.split()), live)


_ALL = (
    _vaccine("bcg", "BCG (tuberculosis)", "tuberculosis", live=LIVE_BACTERIA, cvx="19", snomed="1861000221106 836402002"),
    _vaccine("hepb", "Hepatitis B", "hepatitis-b", cvx="08 45 42 43 44 189", snomed="871822003 170370000 170371001 170372008",
             anc="B10.DE182 B10.DE184 B10.DE186"),
    _vaccine("opv", "Polio drops (OPV)", "polio-oral", cvx="178 02 179 182", snomed="1051000221104",
             icd11="XM79H3 XM0VX8 XM0KZ1"),
    _vaccine("ipv", "Polio injection (IPV)", "polio-injected", cvx="10", snomed="871740006", icd11="XM5V19"),
    # Drops or injection is not said. It may be either, so it counts as neither, and intervals are kept from it for both.
    _vaccine("polio", "Polio vaccine, drops or injection not said", "", perhaps="polio-oral polio-injected", cvx="89",
             snomed="1031000221108 871739009", icd11="XM0N50"),
    _vaccine("penta", "Five-in-one (DTP, hepatitis B, Hib)", "diphtheria tetanus pertussis hepatitis-b hib", cvx="198 102",
             snomed="1162637003"),
    _vaccine("hexa", "Six-in-one (DTP, hepatitis B, Hib, polio)",
             "diphtheria tetanus pertussis hepatitis-b hib polio-injected", cvx="146 132"),
    _vaccine("dtp", "DTP (diphtheria, tetanus, whooping cough)", "diphtheria tetanus pertussis", cvx="20 01 106 107",
             snomed="2061000221109"),
    _vaccine("dtp-hib", "DTP and Hib", "diphtheria tetanus pertussis hib", cvx="22 50"),
    _vaccine("dtp-ipv", "DTP and polio injection", "diphtheria tetanus pertussis polio-injected", cvx="130"),
    _vaccine("dtp-hib-ipv", "DTP, Hib and polio injection", "diphtheria tetanus pertussis hib polio-injected", cvx="120 170"),
    _vaccine("dtp-hepb-ipv", "DTP, hepatitis B and polio injection",
             "diphtheria tetanus pertussis hepatitis-b polio-injected", cvx="110"),
    _vaccine("tdap", "Tdap (booster with whooping cough)", "tetanus diphtheria pertussis", cvx="115"),
    _vaccine("dt", "DT (diphtheria, tetanus, for children)", "diphtheria tetanus", cvx="28"),
    _vaccine("td", "Td (tetanus, diphtheria)", "tetanus diphtheria", cvx="139 09 113 138 196", snomed="2031000221103"),
    _vaccine("tt", "Tetanus (TT)", "tetanus", cvx="112 35 142",
             snomed="1101000221104 170330007 170331006 170332004 170334003 127786006",
             anc="B10.DE165 B10.DE167 B10.DE169 B10.DE171 B10.DE173"),
    _vaccine("hib", "Hib (meningitis and pneumonia of children)", "hib", cvx="17 46 47 48 49"),
    _vaccine("hib-hepb", "Hib and hepatitis B", "hib hepatitis-b", cvx="51"),
    _vaccine("pcv", "Pneumococcal (PCV)", "pneumococcus", cvx="152 133 177 100 215 216", snomed="1252709000"),
    _vaccine("rota", "Rotavirus drops", "rotavirus", cvx="122 119 116 74", snomed="1081000221109"),
    _vaccine("measles", "Measles", "measles", live=LIVE_VIRUS, cvx="05"),
    _vaccine("mr", "Measles and rubella (MR)", "measles rubella", live=LIVE_VIRUS, cvx="04", snomed="871817003"),
    _vaccine("mmr", "Measles, mumps and rubella (MMR)", "measles mumps rubella", live=LIVE_VIRUS, cvx="03"),
    _vaccine("mmrv", "Measles, mumps, rubella and chickenpox", "measles mumps rubella varicella", live=LIVE_VIRUS, cvx="94"),
    _vaccine("rubella", "Rubella", "rubella", live=LIVE_VIRUS, cvx="06"),
    _vaccine("mumps", "Mumps", "mumps", live=LIVE_VIRUS, cvx="07"),
    _vaccine("varicella", "Chickenpox", "varicella", live=LIVE_VIRUS, cvx="21"),
    _vaccine("zoster-live", "Shingles (live)", "zoster", live=LIVE_VIRUS, cvx="121"),
    _vaccine("yellow-fever", "Yellow fever", "yellow-fever", live=LIVE_VIRUS, cvx="37 183 184", snomed="1121000221106",
             icd11="XM0N24 XM3418"),
    _vaccine("hpv", "HPV (cervical cancer)", "hpv", cvx="137 62 118 165", snomed="911000221103"),
    _vaccine("malaria", "Malaria", "malaria", cvx="67", snomed="45861000087106"),
    _vaccine("menacwy", "Meningitis ACWY", "meningococcus-acwy", cvx="108 114 136 147 203"),
    # Not the conjugate vaccine: it does not protect small children and counts for no dose of PCV.
    _vaccine("ppv", "Pneumococcal, for adults (PPV23)", "pneumococcus-polysaccharide", cvx="33"),
    _vaccine("hepa", "Hepatitis A", "hepatitis-a", cvx="85 52 83 84 31"),
    _vaccine("influenza", "Influenza", "influenza", cvx="88 140 141 150 158", anc="B10.DE195"),
)  # fmt: skip

VACCINES: Final = MappingProxyType({each.name: each for each in _ALL})
"""Every vaccine we know, by name."""

TABLE: Final = Table(each.concept for each in _ALL)
"""The same as concepts, for forms and for recognising what others wrote. Raises at import when two share a code."""

NO_VACCINES: Final = frozenset(f"ANC.B10.DE{number}" for number in (245, 247, 249))
"""WHO ANC writes preventive malaria treatment (IPTp-SP) as Immunization; it is a medicine, and no vaccine is meant."""

_BY_MOUTH = ("oral", "drops", "opv")
_INJECTED = ("inactivated", "ipv", "injection")
_ROUTES = MappingProxyType({"PO": "opv", "IM": "ipv", "SQ": "ipv", "IDINJ": "ipv"})
"""HL7 v3 RouteOfAdministration, the value set of Immunization.route in FHIR R4."""


def recognise(vaccine_code: object, route: object = None) -> Vaccine | None:
    """The vaccine that a FHIR CodeableConcept says; None when none that we know.

    Where only "polio" is coded, `route` (a CodeableConcept) or the words beside the code tell drops from injection.
    """
    found = TABLE.find(vaccine_code)
    if found is None:
        return None
    return VACCINES[_kind_of_polio(vaccine_code, route) if found.name == "polio" else found.name]


def _kind_of_polio(vaccine_code: object, route: object) -> str:
    codings: Any = route.get("coding") if isinstance(route, Mapping) else None
    for coding in codings if isinstance(codings, list) else ():
        code = coding.get("code") if isinstance(coding, Mapping) else None
        if isinstance(code, str) and code in _ROUTES:
            return _ROUTES[code]
    words = text_of(vaccine_code).lower()
    oral, injected = (any(word in words for word in signs) for signs in (_BY_MOUTH, _INJECTED))
    return "polio" if oral == injected else "opv" if oral else "ipv"
