"""What maternal care says with codes: the concepts that forms write and `record` reads. How they are put into resources is told in
`edge_node/maternal/record.py`.

Sources: WHO SMART guideline on antenatal care, CodeSystem anc-custom-codes and its examples (WorldHealthOrganization/smart-anc,
commit c9b8cc0); LOINC; SNOMED CT; CVX and ATC for vaccines and medicines; HL7 International Patient Summary for dates of delivery.
Codes that WHO's mapping gives to something else are left out: LOINC 8884-9 (heart rhythm) for the pulse rate, SNOMED CT 4484000
("severe") for severe pre-eclampsia, 118246004 (any laboratory finding) for haemoglobin.
"""

from types import MappingProxyType
from typing import Final

import msgspec

from edge_node.concepts import RESULTS as PLAIN
from edge_node.concepts import WHO_ANC, Coding, Concept, Table, concept

EPISODES: Final = Table(
    (concept("antenatal-care", "Pregnancy and birth", snomed="424525001 134435003", local="pregnancy-episode"),)
)
"""EpisodeOfCare.type."""

VISITS: Final = Table(
    (
        concept("antenatal-contact", "Antenatal contact", snomed="424619006 424441002", anc="B5.DE3 B5.DE2 B5.DE4"),
        concept("postnatal-contact", "Contact after birth", snomed="169762003 133906008", local="postnatal-contact"),
        concept("birth", "Birth", snomed="236973005", local="birth"),
    )
)
"""Encounter.type, or Encounter.reasonCode as WHO has it."""

STATEMENTS: Final = Table(
    (
        # How far the pregnancy is.
        concept("lmp", "First day of the last period", loinc="8665-2", snomed="21840007", anc="B6.DE14"),
        concept(
            "gestational-age",
            "Weeks of pregnancy",
            loinc="18185-9 49051-6 11884-4",
            snomed="57036006",
            anc="B6.DE17",
            unit="d",
        ),
        concept("age-by-ultrasound", "Weeks of pregnancy by ultrasound", loinc="11888-5", unit="d"),
        concept("age-by-lmp", "Weeks of pregnancy by the last period", loinc="11885-1", unit="d"),
        concept("dating-source", "How the weeks were found", anc="B6.DE18"),
        concept("expected-birth", "Expected date of birth", loinc="11778-8 57714-8", snomed="161714006"),
        concept("expected-birth-by-lmp", "Expected date of birth by the last period", loinc="11779-6"),
        concept("expected-birth-by-ultrasound", "Expected date of birth by ultrasound", loinc="11781-2"),
        concept("accepted-dating", "Accepted expected date of birth", local="accepted-dating"),
        concept("lmp-certainty", "How sure the date of the last period is", local="lmp-certainty"),
        concept("pregnancy-status", "Pregnant", loinc="82810-3", anc="B4.DE1"),
        # What is found at a contact.
        concept("danger-signs", "Danger signs", anc="B5.DE48"),
        concept("pre-eclampsia-symptoms", "Signs of severe pre-eclampsia", anc="B8.DE27"),
        concept("haemoglobin", "Haemoglobin", loinc="718-7 30350-3 20509-6 59260-0", anc="B9.DE186", unit="g/dL"),
        concept("urine-protein", "Protein in the urine", loinc="5804-0 20454-5 2888-6", anc="B9.DE144"),
        concept("fundal-height", "Height of the womb", loinc="11881-0", snomed="249016007", anc="B8.DE105", unit="cm"),
        concept(
            "fetal-heart-rate",
            "Baby's heart rate",
            loinc="55283-6",
            snomed="249043002",
            anc="B8.DE107 B8.DE108",
            unit="/min",
        ),
        concept("fetal-heartbeat", "Baby's heartbeat heard", snomed="249045009", anc="B8.DE106"),
        concept("fetal-movement", "Baby's movements", anc="B7.DE98"),
        concept("oedema", "Swelling", loinc="45700-2", snomed="267038008", anc="B8.DE94"),
        concept("presentation", "How the baby lies", loinc="72155-6", anc="B8.DE111"),
        concept("fetuses", "Number of babies in the womb", loinc="11878-6", snomed="246435002", anc="B8.DE109"),
        # Tests.
        concept("hiv-test", "HIV test", loinc="75622-1 68961-2 7917-8 30361-0", anc="B9.DE41"),
        concept("hiv-status", "HIV status", loinc="55277-8", anc="B9.DE45"),
        concept("syphilis-test", "Syphilis test", loinc="20507-0 24110-9 47236-5", anc="B9.DE107 B9.DE110"),
        concept("hepatitis-b-test", "Hepatitis B test", loinc="5196-1 5195-3 75410-1", anc="B9.DE66 B9.DE74"),
        concept("blood-group", "Blood group", loinc="883-9 882-1", anc="B9.DE24"),
        concept("rhesus", "Rhesus factor", loinc="10331-7", anc="B9.DE29"),
        concept(
            "fasting-glucose",
            "Blood sugar, fasting",
            loinc="14771-0 1558-6",
            snomed="67096006",
            anc="B9.DE163 B9.DE164",
            unit="mmol/L",
        ),
        concept(
            "glucose-one-hour", "Blood sugar one hour after 75 g", snomed="113076002", anc="B9.DE165", unit="mmol/L"
        ),
        concept(
            "glucose-two-hours",
            "Blood sugar two hours after 75 g",
            loinc="14995-5 1518-0",
            snomed="123030002",
            anc="B9.DE166",
            unit="mmol/L",
        ),
        concept(
            "random-glucose",
            "Blood sugar, any time",
            loinc="14749-6",
            snomed="167095005",
            anc="B9.DE167",
            unit="mmol/L",
        ),
        # Her history.
        concept("gravida", "Number of pregnancies", loinc="11996-6", snomed="161732006", anc="B6.DE24"),
        concept("parity", "Number of births", loinc="11977-6 64708-1", snomed="118212000", anc="B6.DE32"),
        concept("stillbirths", "Number of babies born dead", loinc="69043-8", snomed="252112002", anc="B6.DE31"),
        concept("caesareans", "Number of caesarean sections", loinc="68497-7", snomed="252115000", anc="B6.DE33"),
        concept("past-complications", "Problems in earlier pregnancies", anc="B6.DE34"),
        concept("chronic-conditions", "Lasting illnesses", anc="B6.DE83"),
        concept("stated-allergies", "Allergies", anc="B6.DE57"),
        concept("stated-medicines", "Medicines she takes", anc="B6.DE109"),
        concept("tetanus-history", "Tetanus vaccinations so far", anc="B6.DE100"),
        concept("tobacco", "Tobacco use", loinc="64234-8", snomed="110483000", anc="B6.DE153"),
        # The birth and after.
        concept("planned-birth-place", "Planned place of birth", anc="B10.DE137"),
        concept("outcome", "How the pregnancy ended", loinc="63893-2", anc="End.1"),
        concept("delivery-date", "Day of birth", loinc="93857-1", snomed="184099003", anc="End.12"),
        concept("delivery-mode", "Way of birth", loinc="72149-8 57071-3", anc="End.18"),
        concept("postnatal-danger-signs", "Danger signs of the mother after birth", local="postnatal-danger-signs"),
        concept("newborn-danger-signs", "Danger signs of the newborn", local="newborn-danger-signs"),
        concept("birth-place", "Place of birth", local="birth-place"),
        concept("apgar-1", "Apgar score after one minute", loinc="9272-6"),
        concept("apgar-5", "Apgar score after five minutes", loinc="9274-2"),
        concept("deworming", "Treatment against worms", anc="B10.DE233"),
    )
)
"""Observation.code, apart from vital signs (`edge_node.concepts.VITAL_SIGNS`). Units are those in which rules have them."""

ACTS: Final = Table(
    (
        concept("childbirth", "Birth", snomed="66348005 236973005"),
        concept("termination", "Ended pregnancy", snomed="714812005"),
        concept("birth-plan-counselling", "Talk about the birth and what to do in danger", anc="B10.DE136"),
        concept("danger-sign-counselling", "Talk about danger signs", local="danger-sign-counselling"),
        concept("nutrition-counselling", "Talk about food and rest", local="nutrition-counselling"),
        concept("breastfeeding-counselling", "Talk about breastfeeding", local="breastfeeding-counselling"),
        concept("family-planning-counselling", "Talk about family planning", local="family-planning-counselling"),
        concept("bed-net", "Bed net against mosquitoes", local="bed-net"),
        concept("hiv-test", "HIV test", snomed="31676001"),
        concept("syphilis-test", "Syphilis test", snomed="269828009", anc="B9.DE96"),
        concept("hepatitis-b-test", "Hepatitis B test", snomed="47758006", anc="B9.DE60"),
        concept("ultrasound", "Ultrasound scan", snomed="55052008 169230002 271442007", anc="B9.DE3"),
    )
)
"""Procedure.code."""

DANGER_SIGNS: Final = Table(
    (
        concept("bleeding", "Bleeding from the vagina", anc="B5.DE50", snomed="289530006"),
        concept("central-cyanosis", "Blue lips or tongue", anc="B5.DE51", snomed="95837007"),
        concept("convulsing", "Fits", anc="B5.DE52", snomed="91175000"),
        concept("fever", "Fever", anc="B5.DE53", snomed="386661006"),
        concept("imminent-delivery", "Birth about to happen", anc="B5.DE54"),
        concept("labour", "Labour", anc="B5.DE55"),
        concept("looks-very-ill", "Looks very ill", anc="B5.DE56"),
        concept("severe-headache", "Severe headache", anc="B5.DE57"),
        concept("severe-pain", "Severe pain", anc="B5.DE58", snomed="76948002"),
        concept("severe-vomiting", "Severe vomiting", anc="B5.DE59"),
        concept("severe-abdominal-pain", "Severe pain in the belly", anc="B5.DE60"),
        concept("unconscious", "Unconscious", anc="B5.DE61", snomed="418107008"),
        concept("visual-disturbance", "Trouble seeing", anc="B5.DE62", snomed="63102001"),
        concept("none", "No danger sign", anc="B5.DE49", snomed="161915001"),
    )
)
"""Values of `danger-signs`: WHO's thirteen, and that there is none (WHO SMART ANC, ANCDT01, ANC.B5.DE48)."""

PRE_ECLAMPSIA_SYMPTOMS: Final = Table(
    (
        concept("severe-headache", "Severe headache", anc="B8.DE29"),
        concept("visual-disturbance", "Trouble seeing", anc="B8.DE30", snomed="63102001"),
        concept("epigastric-pain", "Pain below the ribs", anc="B8.DE31", snomed="79922009"),
        concept("dizziness", "Dizziness", anc="B8.DE32", snomed="404640003"),
        concept("vomiting", "Vomiting", anc="B8.DE33", snomed="422400008"),
        concept("none", "None of these", anc="B8.DE28"),
    )
)
"""Values of `pre-eclampsia-symptoms` (WHO SMART ANC, ANCDT17, ANC.B8.DE27)."""

POSTNATAL_DANGER_SIGNS: Final = Table(
    (
        concept("heavy-bleeding", "Heavy bleeding", local="postnatal-heavy-bleeding", snomed="47821001"),
        concept("convulsing", "Fits", anc="B5.DE52", snomed="91175000"),
        concept("fast-breathing", "Fast or difficult breathing", local="postnatal-fast-breathing"),
        concept("fever", "Fever or too weak to get up", anc="B5.DE53", snomed="386661006"),
        concept("severe-headache", "Severe headache with trouble seeing", anc="B5.DE57"),
        concept("calf-pain", "Pain, redness or swelling of a calf, shortness of breath", local="postnatal-calf-pain"),
        concept("severe-abdominal-pain", "Severe pain in the belly", anc="B5.DE60"),
        concept("foul-discharge", "Bad-smelling discharge", local="postnatal-foul-discharge"),
        concept("self-harm", "Thoughts of harming herself or the baby", local="postnatal-self-harm"),
        concept("none", "No danger sign", anc="B5.DE49", snomed="161915001"),
    )
)
"""Values of `postnatal-danger-signs` (WHO recommendations on postnatal care 2013, recommendation 9, and 2022, box 3.1)."""

NEWBORN_DANGER_SIGNS: Final = Table(
    (
        concept("not-feeding", "Not feeding well", local="newborn-not-feeding"),
        concept("convulsing", "Fits", local="newborn-convulsions"),
        concept("fast-breathing", "Fast breathing (60 a minute or more)", local="newborn-fast-breathing"),
        concept("chest-indrawing", "Chest drawn in with each breath", local="newborn-chest-indrawing"),
        concept("no-movement", "No movement by itself", local="newborn-no-movement"),
        concept("fever", "Fever (37.5 °C or more)", local="newborn-fever"),
        concept("cold", "Low body temperature (below 35.5 °C)", local="newborn-cold"),
        concept(
            "jaundice",
            "Yellow skin in the first 24 hours, or yellow palms and soles at any age",
            local="newborn-jaundice",
        ),
        concept("none", "No danger sign", local="newborn-no-danger-sign"),
    )
)
"""Values of `newborn-danger-signs` (WHO recommendations on postnatal care 2013, recommendation 2; kept in 2022, table 3.2)."""


def _coded(result: str, anc: str) -> Concept:
    """A plain result with the code that WHO has for it in one test."""
    plain = PLAIN[result]
    return msgspec.structs.replace(plain, codings=(*plain.codings, Coding(WHO_ANC, f"ANC.{anc}")))


RESULT_VALUES: Final[MappingProxyType[tuple[str, str], Concept]] = MappingProxyType(
    {
        ("hiv-test", "positive"): concept("positive", "Positive", snomed="165816005", anc="B9.DE42"),
        ("hiv-test", "negative"): concept("negative", "Negative", snomed="165815009", anc="B9.DE43"),
        ("hiv-test", "inconclusive"): _coded("inconclusive", "B9.DE44"),
        ("syphilis-test", "positive"): _coded("positive", "B9.DE108"),
        ("syphilis-test", "negative"): _coded("negative", "B9.DE109"),
        ("syphilis-test", "inconclusive"): PLAIN["inconclusive"],
        ("hepatitis-b-test", "positive"): concept("positive", "Positive", snomed="165806002", anc="B9.DE72"),
        ("hepatitis-b-test", "negative"): _coded("negative", "B9.DE73"),
        ("hepatitis-b-test", "inconclusive"): PLAIN["inconclusive"],
    }
)
"""(test in `STATEMENTS`, result) → what a form writes as the value."""


def _as_read(result: Concept) -> Concept:
    """A result by all that forms write for it in any test, and by the codings it has besides."""
    written = (each for (_, name), each in RESULT_VALUES.items() if name == result.name)
    codings = (coding for each in (*written, result) for coding in each.codings)
    return msgspec.structs.replace(result, codings=tuple(dict.fromkeys(codings)))


RESULTS: Final = Table(
    map(
        _as_read,
        (
            concept(
                "positive",
                "Positive",
                loinc="LA6576-8",
                anc="B9.DE46 B9.DE75 B9.DE111",
                words=r"^(positive|reactive|pos|\+)$",
            ),
            concept(
                "negative",
                "Negative",
                loinc="LA6577-6",
                snomed="165780000 736693005",
                anc="B9.DE47 B9.DE76 B9.DE112",
                words=r"^(negative|non-?reactive|neg|-|not hiv positive)$",
            ),
            concept("inconclusive", "Not clear", snomed="82334004", words=r"^(inconclusive|indeterminate)$"),
        ),
    )
)
"""Values of tests for an infection, as they are read: all tests' codes together."""

PROTEIN: Final = Table(
    (
        concept(
            "0",
            "None",
            anc="B9.DE145",
            snomed="260385009 167273002 167274008",
            words=r"^(none|negative|neg|nil|trace|-|0)$",
        ),
        concept("1", "+", anc="B9.DE146", snomed="441614007 167275009", words=r"^(\+|1\+|\+1)$"),
        concept("2", "++", anc="B9.DE147", snomed="441517005 167276005", words=r"^(\+\+|2\+|\+2)$"),
        concept("3", "+++", anc="B9.DE148", snomed="441521003 167277001", words=r"^(\+\+\+|3\+|\+3)$"),
        concept("4", "++++", anc="B9.DE149", snomed="167278006", words=r"^(\+\+\+\+|4\+|\+4)$"),
    )
)
"""Values of `urine-protein` by dipstick, the name being the number of plus signs."""

BLOOD_GROUPS: Final = Table(
    (
        concept("A", "A", snomed="112144000", anc="B9.DE25", loinc="LA19710-5"),
        concept("B", "B", snomed="112149005", anc="B9.DE26", loinc="LA19709-7"),
        concept("AB", "AB", snomed="165743006", anc="B9.DE27", loinc="LA28449-9"),
        concept("O", "O", snomed="58460004", anc="B9.DE28", loinc="LA19708-9"),
        concept("A+", "A positive", snomed="278149003"),
        concept("B+", "B positive", snomed="278150003"),
        concept("AB+", "AB positive", snomed="278151004"),
        concept("O+", "O positive", snomed="278147001"),
        concept("A-", "A negative", snomed="278152006"),
        concept("B-", "B negative", snomed="278153001"),
        concept("AB-", "AB negative", snomed="278154007"),
        concept("O-", "O negative", snomed="278148006"),
    )
)
"""Values of `blood-group`; with a sign where one code says the rhesus factor too."""

RHESUS: Final = Table(
    (
        concept("+", "Rhesus positive", snomed="165747007", anc="B9.DE30", loinc="LA6576-8"),
        concept("-", "Rhesus negative", snomed="165746003", anc="B9.DE31", loinc="LA6577-6"),
    )
)
"""Values of `rhesus`."""

DATING_SOURCES: Final = Table(
    (
        concept("lmp", "The last period", anc="B6.DE19", snomed="21840007", loinc="11885-1"),
        concept("ultrasound", "Ultrasound", anc="B6.DE20", loinc="11888-5"),
        concept("fundal-height", "Height of the womb", anc="B6.DE21", snomed="249016007"),
    )
)
"""Values of `dating-source`."""

CERTAINTIES: Final = Table(
    (concept("certain", "Sure", local="lmp-certain"), concept("uncertain", "Not sure", local="lmp-uncertain"))
)
"""Values of the component `lmp-certainty`."""

PRESENTATIONS: Final = Table(
    (
        concept("head-down", "Head down", anc="B8.DE113", snomed="70028003"),
        concept("breech", "Bottom down", anc="B8.DE114", snomed="6096002"),
        concept("across", "Lying across", anc="B8.DE115", snomed="73161006"),
        concept("unknown", "Not known", anc="B8.DE112"),
    )
)
"""Values of `presentation`."""

MOVEMENTS: Final = Table(
    (
        concept("normal", "Normal movements", anc="B7.DE99 B7.DE.99", snomed="32279003"),
        concept("reduced", "Fewer movements", anc="B7.DE100", snomed="276369006"),
        concept("none", "No movements", anc="B7.DE101"),
    )
)
"""Values of `fetal-movement`."""

READING: Final = Table((concept("after-rest", "Taken again after 10 to 15 minutes of rest", local="after-rest"),))
"""Observation.method of a blood pressure that was taken again."""

BIRTH_PLACES: Final = Table(
    (
        concept("facility", "Clinic or hospital", anc="B10.DE138"),
        concept("caesarean", "Hospital, planned caesarean section", anc="B10.DE139"),
        concept("home", "At home", anc="B10.DE140", snomed="264362003"),
        concept("other", "Somewhere else", anc="B10.DE141"),
    )
)
"""Values of `planned-birth-place`."""
