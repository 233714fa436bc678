"""Concepts of illnesses, of how pregnancies end, of medicines, vaccines and allergies, as far as maternal care decides by them.

Sources: as in `edge_node/maternal/concepts.py`; ATC (WHO Collaborating Centre for Drug Statistics) for medicines, CVX (CDC) for
vaccines. Medicines and allergies are often written by hand, so each has words too; a false warning is preferred to a missed one.
"""

from typing import Final

from edge_node.concepts import Coding, Table, concept
from edge_node.immunisation.vaccines import VACCINES as CHILD_VACCINES

_RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"

CONDITIONS: Final = Table(
    (
        concept("pregnancy", "Pregnancy", snomed="77386006 72892002", anc="B4.DE1"),
        concept("hypertension", "High blood pressure", snomed="38341003 59621000", anc="B6.DE96"),
        concept(
            "pregnancy-hypertension", "High blood pressure of pregnancy", snomed="48194001", anc="B10.DE73 B10.DE74"
        ),
        concept("pre-eclampsia", "Pre-eclampsia", snomed="398254007", anc="B10.DE75 B6.DE37"),
        concept("severe-pre-eclampsia", "Severe pre-eclampsia", snomed="46764007", anc="B10.DE76"),
        concept("eclampsia", "Eclampsia", snomed="15938005 198992004", anc="B6.DE38"),
        concept("diabetes", "Diabetes", snomed="73211009 44054006 46635009", anc="B6.DE91 B6.DE92 B6.DE93"),
        concept("gestational-diabetes", "Diabetes of pregnancy", snomed="11687002", anc="B6.DE90 B6.DE43"),
        concept("kidney-disease", "Kidney disease", snomed="90708001 709044004", anc="B6.DE97"),
        concept("autoimmune-disease", "Autoimmune disease", snomed="85828009 55464009", anc="B6.DE86"),
        concept("blood-disorder", "Blood disorder", snomed="127040003 417357006 40108008", anc="B6.DE87"),
        concept("epilepsy", "Epilepsy", snomed="84757009 128613002", anc="B6.DE94"),
        concept("heart-disease", "Heart disease", snomed="56265001"),
        concept("tuberculosis", "Tuberculosis", snomed="56717001"),
        concept("hiv", "HIV", snomed="86406008 165816005 91947003 62479008", anc="B6.DE95"),
        concept("anaemia", "Anaemia", snomed="271737000 87522002"),
        concept("heavy-bleeding", "Heavy bleeding at a birth", snomed="47821001", anc="B6.DE44"),
        concept("early-neonatal-death", "Baby died within a day", anc="B6.DE40"),
        concept("deep-tear", "Deep tear at a birth", snomed="199930000", anc="B6.DE46"),
        concept("convulsions", "Fits in a pregnancy", anc="B6.DE41"),
        concept("multiple-pregnancy", "More than one baby", snomed="16356006 65147003 64254006"),
    )
)
"""Condition.code, and the values of `past-complications` and `chronic-conditions`."""

OUTCOMES: Final = Table(
    (
        concept("live-birth", "Live birth", snomed="281050002", anc="End.2", local="live-birth"),
        concept("stillbirth", "Stillbirth", snomed="237364002", anc="End.3", local="stillbirth"),
        concept("miscarriage", "Miscarriage", snomed="17369002 19169002", anc="End.4", local="miscarriage"),
        concept("abortion", "Abortion", snomed="386639001 57797005", anc="End.5", local="abortion"),
        concept("ectopic", "Pregnancy outside the womb", snomed="34801009 79586000", local="ectopic"),
        concept("mother-died", "She died", anc="End.6", local="mother-died"),
        concept("lost", "Lost from sight", anc="End.7", local="lost"),
        concept("moved", "Moved away", anc="End.8", local="moved"),
        concept("not-pregnant", "She was not pregnant", anc="End.9", local="not-pregnant"),
        concept("mistake", "Entered by mistake", anc="End.10", local="mistake"),
        concept("other", "Other", anc="End.11", local="other-end"),
    )
)
"""Values of `outcome`; the losses also as Condition.code of other programs."""

MODES: Final = Table(
    (
        concept("normal", "Normal birth", snomed="48782003", anc="End.19"),
        concept("forceps", "Forceps", snomed="302383004", anc="End.20"),
        concept("vacuum", "Vacuum", snomed="61586001", anc="End.21"),
        concept("caesarean", "Caesarean section", snomed="11466000", anc="End.22"),
    )
)
"""Values of `delivery-mode`."""

MEDICINES: Final = Table(
    (
        concept(
            "co-trimoxazole",
            "Co-trimoxazole",
            atc="J01EE01",
            snomed="398731002 703745000",
            anc="B6.DE125",
            more=(Coding(_RXNORM, "10831"),),
            words=r"co-?\s?trimoxazole|sulfamethoxazole|sulphamethoxazole|septrin|bactrim",
        ),
        concept(
            "sulfadoxine-pyrimethamine",
            "Sulfadoxine-pyrimethamine (SP)",
            atc="P01BD51",
            snomed="777371007",
            anc="B10.DE245 B10.DE247 B10.DE249",
            words=r"sul(f|ph)adoxine|fansidar|\biptp",
        ),
        concept(
            "iron-folate",
            "Iron and folic acid",
            atc="B03AD03",
            anc="B10.DE91",
            words=r"(iron|ferrous).*(folic|folate)|(folic|folate).*(iron|ferrous)|\bifa\b",
        ),
        concept("iron", "Iron", atc="B03AA07 B03AA", snomed="3829006", anc="B6.DE130", words=r"\biron\b|ferrous"),
        concept("folic-acid", "Folic acid", atc="B03BB01", snomed="63718003", anc="B6.DE127", words=r"folic|folate"),
        concept("calcium", "Calcium", atc="A12AA04 A12AA", anc="B6.DE124 B10.DE107", words=r"\bcalcium"),
        concept(
            "aspirin",
            "Aspirin",
            atc="B01AC06 N02BA01",
            snomed="387458008",
            anc="B6.DE122 B10.DE115",
            words=r"aspirin|acetylsalicylic",
        ),
        concept(
            "antiretrovirals",
            "HIV medicine",
            atc="J05AR27 J05AR J05AF J05AG J05AJ",
            anc="B6.DE119",
            words=r"antiretroviral|dolutegravir|lamivudine|efavirenz|nevirapine|zidovudine|\btld\b|\barv",
        ),
        concept("albendazole", "Albendazole", atc="P02CA03", snomed="387558006", anc="B10.DE234", words=r"albendazole"),
        concept("mebendazole", "Mebendazole", atc="P02CA01", snomed="387311004", anc="B10.DE235", words=r"mebendazole"),
        concept(
            "penicillin",
            "Benzathine penicillin",
            atc="J01CE08",
            snomed="387399003",
            words=r"benzathine|penicillin",
        ),
        concept(
            "blood-pressure-medicine",
            "Medicine for blood pressure",
            atc="C02AB01 C08CA05 C07AG01",
            anc="B6.DE117",
            words=r"methyldopa|nifedipine|labetalol",
        ),
    )
)
"""medication[x] of MedicationRequest, MedicationStatement and MedicationAdministration; the values of `stated-medicines` and
`deworming`."""

VACCINES: Final = Table(
    (
        concept(
            "tetanus",
            "Tetanus vaccine",
            atc="J07AM01 J07AM51",
            cvx="35",
            snomed="333621002",
            anc="B10.DE165",
            more=tuple(
                code for one in CHILD_VACCINES.values() if "tetanus" in one.antigens for code in one.concept.codings
            ),
            words=r"tetanus|\btt\s?[1-5]?\b|\btd\b|\bdpt\b|\bdtp\b",
        ),
        concept(
            "sulfadoxine-pyrimethamine",
            "Sulfadoxine-pyrimethamine (SP)",
            anc="B10.DE245 B10.DE247 B10.DE249",
            snomed="777371007",
        ),
    )
)
"""Immunization.vaccineCode. Whatever holds tetanus vaccine counts, by the codes of `edge_node/immunisation/vaccines.py`.
WHO's examples write doses of SP as immunisations, which is read."""

ALLERGIES: Final = Table(
    (
        concept(
            "sulfa",
            "Sulfa medicines",
            snomed="387406002 91939003",
            anc="B6.DE67",
            atc="J01EE01 P01BD51",
            more=(Coding(_RXNORM, "10831"), Coding(_RXNORM, "10180")),
            words=r"sul(f|ph)(a(?!te)|on(?!yl))|trimethoprim|co-?\s?trimoxazole|septrin|bactrim|fansidar",
        ),
        concept(
            "penicillin",
            "Penicillin",
            snomed="764146007 91936005 373270004",
            anc="B6.DE69",
            more=(Coding(_RXNORM, "7980"),),
            words=r"penicillin|amoxicillin|ampicillin",
        ),
        concept("aspirin", "Aspirin", snomed="387458008 293586001", words=r"aspirin|acetylsalicylic"),
        concept("iron", "Iron", anc="B6.DE65", words=r"\biron\b|ferrous"),
        concept("folic-acid", "Folic acid", anc="B6.DE63", words=r"folic|folate"),
        concept("calcium", "Calcium", anc="B6.DE61", words=r"\bcalcium"),
        concept("albendazole", "Albendazole", anc="B6.DE59", words=r"albendazole"),
        concept("mebendazole", "Mebendazole", anc="B6.DE68", words=r"mebendazole"),
        concept("tetanus-vaccine", "Tetanus vaccine", words=r"tetanus|\btt vaccine|\btd vaccine"),
        concept("none", "No known allergy", snomed="716186003", anc="B6.DE58"),
    )
)
"""AllergyIntolerance.code and reaction.substance; the values of `stated-allergies`."""

TETANUS_HISTORY: Final = Table(
    (
        concept("full", "All five doses", anc="B6.DE101"),
        concept("some", "One to four doses", anc="B6.DE102"),
        concept("none", "No dose", anc="B6.DE103"),
        concept("unknown", "Not known", anc="B6.DE104", snomed="261665006"),
    )
)
"""Values of `tetanus-history`: what she tells, where no single doses are known."""
