"""What people are allergic to: groups of medicines by their ATC codes and by the words that people write, foods, other things.

A false warning is asked about once and costs a moment; a missed one may kill. So groups are wide, and words are looked for anywhere.

Sources: WHO Model Formulary 2008, introduction ("Adverse effects and interactions") and monographs (penicillins and cephalosporins: cross
sensitivity; sulfonamides; NSAIDs: hypersensitivity to any of them; antiepileptics: cross sensitivity between carbamazepine, phenytoin and
phenobarbital); ATC groups, WHO Collaborating Centre for Drug Statistics Methodology; SNOMED CT as in
`edge_node/maternal/history_concepts.py`.
"""

import re
from collections.abc import Iterable, Iterator
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from edge_node.concepts import ATC, Concept, Table, codeable, codes_of, concept, text_of
from edge_node.medicines import formulary


class Group(Struct, frozen=True):
    """Substances that who is allergic to one should not get. `atc`: beginnings of ATC codes; empty for what is no medicine."""

    concept: Concept
    atc: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its key."""
        return self.concept.name

    def holds(self, code: str) -> bool:
        """Whether a medicine with this ATC code is of the group."""
        return bool(code) and code.startswith(self.atc) if self.atc else False


def _group(said: Concept, atc: str = "") -> Group:
    return Group(said, tuple(atc.split()))


GROUPS: Final = (
    _group(
        concept("penicillins", "Penicillins", snomed="764146007 91936005 373270004", anc="B6.DE69", local="penicillins",
                words=r"penicillin|amox[iy]|ampicillin|cloxacillin|augmentin"), "J01C"),
    _group(concept("cephalosporins", "Cephalosporins", local="cephalosporins", words=r"cephalosporin|cefalosporin|\bcef|\bceph"),
           "J01DB J01DC J01DD J01DE J01DI"),
    _group(concept("carbapenems", "Carbapenems", local="carbapenems", words=r"penem\b|carbapenem"), "J01DH"),
    _group(
        concept("sulfonamides", "Sulfa medicines", snomed="387406002 91939003", anc="B6.DE67", local="sulfonamides",
                words=r"sul(f|ph)(a(?!te)|on(?!yl))|co-?\s?trimoxazole|septrin|bactrim|fansidar"),
        "J01E P01BD51 A07EC01 D06BA01"),
    _group(concept("tetracyclines", "Tetracyclines", local="tetracyclines", words=r"cycline\b"), "J01AA S01AA09 D06AA"),
    _group(concept("macrolides", "Macrolides (erythromycin, azithromycin)", local="macrolides", words=r"macrolide|thromycin"), "J01FA"),
    _group(concept("quinolones", "Quinolones (ciprofloxacin)", local="quinolones", words=r"quinolone|floxacin"), "J01M S01AE S02AA15"),
    _group(concept("aminoglycosides", "Aminoglycosides (gentamicin)", local="aminoglycosides",
                   words=r"aminoglycoside|gentam[iy]cin|amikacin|streptomycin|neomycin"), "J01G"),
    _group(concept("nitroimidazoles", "Metronidazole and the like", local="nitroimidazoles", words=r"nidazole"), "J01XD P01AB"),
    _group(concept("nsaids", "Aspirin, ibuprofen and the like", snomed="387458008 293586001", local="nsaids",
                   words=r"aspirin|acetylsalicylic|ibuprofen|diclofenac|nsaid|indomet"), "M01A N02BA B01AC06"),
    _group(concept("paracetamol", "Paracetamol", local="paracetamol", words=r"paracetamol|acetaminophen"), "N02BE01"),
    _group(concept("opioids", "Codeine, morphine and the like", local="opioids", words=r"codeine|morphine|opioid|tramadol"),
           "N02A R05DA04"),
    _group(concept("antiepileptics", "Carbamazepine, phenytoin, phenobarbital", local="antiepileptics",
                   words=r"carbamazepine|phenytoin|phenobarb|lamotrigine"), "N03AA N03AB N03AF N03AX09"),
    _group(concept("quinine", "Quinine, chloroquine and the like", local="quinine", words=r"quinine|quine\b"), "P01BA P01BC"),
    _group(concept("artemisinins", "Artemisinin medicines", local="artemisinins", words=r"artem|artesunate"), "P01BE P01BF"),
    _group(concept("ace-inhibitors", "Enalapril and the like (ACE inhibitors)", local="ace-inhibitors", words=r"pril\b|ace.inhibitor"),
           "C09A C09B"),
    _group(concept("nevirapine", "Nevirapine", local="nevirapine", words=r"nevirapine"), "J05AG01"),
    _group(concept("abacavir", "Abacavir", local="abacavir", words=r"abacavir"), "J05AF06 J05AR02"),
    _group(concept("local-anaesthetics", "Lidocaine and the like", local="local-anaesthetics", words=r"lidocaine|lignocaine|anaesthetic"),
           "N01B"),
    _group(concept("insulin", "Insulin", local="insulin", words=r"insulin"), "A10A"),
    _group(concept("iodine", "Iodine", local="iodine", words=r"iodine|contrast"), "D08AG"),
    _group(concept("chlorhexidine", "Chlorhexidine", local="chlorhexidine", words=r"chlorhexidine"), "D08AC02"),
    _group(concept("antivenom", "Antivenom, horse serum", local="antivenom", words=r"antivenom|horse serum"), "J06A"),
    _group(concept("latex", "Latex", snomed="111088007", local="latex", words=r"latex|rubber glove")),
    _group(concept("peanut", "Peanuts", local="peanut", words=r"peanut|groundnut")),
    _group(concept("egg", "Eggs", local="egg", words=r"\beggs?\b")),
    _group(concept("milk", "Milk", local="milk", words=r"\bmilk\b")),
    _group(concept("fish", "Fish and seafood", local="fish", words=r"\bfish|shrimp|seafood|crab")),
    _group(concept("stings", "Bee and wasp stings", local="stings", words=r"\bbees?\b|wasp|sting")),
)  # fmt: skip
NONE_KNOWN: Final = concept("none", "No known allergy", snomed="716186003", anc="B6.DE58")

TABLE: Final = Table((*(group.concept for group in GROUPS), NONE_KNOWN))
BY_NAME: Final = MappingProxyType({group.name: group for group in GROUPS})

CROSS: Final = MappingProxyType(
    {
        "penicillins": ("cephalosporins", "carbapenems"),
        "cephalosporins": ("penicillins", "carbapenems"),
        "carbapenems": ("penicillins", "cephalosporins"),
    }
)
"""Who is allergic to one group may be to the others (WHO Model Formulary 2008, section 6.2.1: about one in ten; less by later counts)."""
FOODS: Final = frozenset({"peanut", "egg", "milk", "fish"})


def suggestions() -> tuple[str, ...]:
    """What is offered while somebody types: the groups, then each medicine."""
    groups = sorted((group.concept.text for group in GROUPS), key=str.casefold)
    return (*groups, *sorted((one.name for one in formulary.medicines()), key=str.casefold))


def said(typed: str) -> dict[str, Any]:
    """The FHIR CodeableConcept of what was typed: a group, a medicine of the formulary, or the words alone."""
    key = formulary.key_of(typed)
    for group in GROUPS:
        if formulary.key_of(group.concept.text) == key:
            return codeable(group.concept)
    return formulary.said(formulary.find(typed))


def category_of(code: object) -> str:
    """FHIR's allergy-intolerance-category: medication, food or environment; empty of what is not known."""
    found = groups_in(code)
    if any(atc for group in found for atc in group.atc) or any(system == ATC for system, _ in codes_of(code)):
        return "medication"
    names = {group.name for group in found}
    return "food" if names & FOODS else "environment" if names else ""


def groups_in(code: object) -> list[Group]:
    """All groups that a CodeableConcept names: by its codes, by the ATC code of a medicine, by its words."""
    named = {one.name for one in TABLE.read(code)}
    codes = [value for system, value in codes_of(code) if system == ATC]
    return [group for group in GROUPS if group.name in named or any(group.holds(value) for value in codes)]


def mentions(code: object, words: Iterable[str]) -> Iterator[str]:
    """Those of some names that a CodeableConcept says."""
    text = formulary.key_of(text_of(code))
    for word in words:
        key = formulary.key_of(word)
        if key and re.search(rf"\b{re.escape(key)}\b", text):
            yield word
