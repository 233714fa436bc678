"""The ids by which the district's DHIS2 knows this clinic and what it counts: a TOML file that the district supplies.

    org_unit = "DiszpKrYNg8"
    data_set = "BfMAe6Itzgt"

    [elements]
    first-contacts = "fbfJHSPpUQD"

Source: DHIS2 developer guide, Data values (https://docs.dhis2.org), and its identifiers: a letter and ten letters or digits.
"""

import re
import tomllib
from pathlib import Path

import msgspec

from edge_node.errors import SettingsWrong
from edge_node.worklists.counting import CODES

_ID = re.compile(r"[A-Za-z][A-Za-z0-9]{10}").fullmatch


class District(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of one DHIS2: of this clinic, of its monthly form, and of what is counted (indicator → data element)."""

    org_unit: str
    data_set: str = ""
    elements: dict[str, str] = {}


def read_mapping(path: Path) -> District:
    """The file's ids. Raises SettingsWrong when it cannot be read, or names what is no indicator or no id."""
    try:
        district = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), District)
    except OSError as error:
        raise SettingsWrong(f"The DHIS2 mapping {path} cannot be read: {error.strerror}.") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise SettingsWrong(f"The DHIS2 mapping {path} is not what it should be: {error}.") from error
    unknown = sorted(set(district.elements) - CODES)
    ids = [district.org_unit, *district.elements.values(), *([district.data_set] if district.data_set else [])]
    wrong = [id_ for id_ in ids if not _ID(id_)]
    if unknown or wrong:
        what = f"There is no indicator {', '.join(unknown)}" if unknown else f"{wrong[0]} is no DHIS2 id"
        raise SettingsWrong(f"The DHIS2 mapping {path} is not what it should be: {what}.")
    return district
