"""What differs from country to country and clinic to clinic: the choices by which the rules are applied.

The clinic's TOML file says them (the setting `programme`); what it leaves out has the default:

    contacts = "rebased"
    vaccines = "kenya-child"
    malaria = false
    altitude_m = 1600
"""

import tomllib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge_node.errors import SettingsWrong
from edge_node.immunisation.schedule import CHILDREN
from edge_node.maternal.contacts import SCHEDULES

ALTITUDE_M_MAX: Final = 6_000
"""Nobody lives higher for long."""


class Programme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The programme of a clinic. Whoever applies rules is given it; the store has it, for what a write brings about (`Store.programme`).

    `contacts`: the plan of antenatal contacts, a name in `edge_node.maternal.contacts.SCHEDULES`. `vaccines`: the children's
    immunisations, a name in `edge_node.immunisation.schedule.CHILDREN`. `malaria`: moderate or high transmission, so
    preventive treatment is given. `anaemia_common`: at least 40 % of pregnant women are anaemic, so 60 mg of iron a day are
    given, not 30. `calcium_low`: most women eat little calcium. `worms`: at least 20 % have worms. `hiv_common`: at least 5 % of
    pregnant women have HIV, or of their partners in this place, so the test is repeated in the third trimester.
    `altitude_m`: metres above the sea, where women live. `lost_after_days`: how long a contact has to be overdue until
    she counts as lost from sight. Defaults suit a rural clinic in tropical Africa.
    """

    contacts: str = "who-2016"
    vaccines: str = "who-child"
    malaria: bool = True
    anaemia_common: bool = True
    calcium_low: bool = True
    worms: bool = True
    hiv_common: bool = True
    altitude_m: Annotated[int, Meta(ge=0, le=ALTITUDE_M_MAX)] = 0
    lost_after_days: Annotated[int, Meta(ge=1, le=365)] = 28


_NAMES: Final = {"contacts": tuple(SCHEDULES), "vaccines": CHILDREN}


def read_programme(path: Path) -> Programme:
    """The file's programme. Raises SettingsWrong when it cannot be read, or has a name or value that there is not."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsWrong(f"The programme {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise _wrong(path, str(error)) from error
    fields = [field.name for field in msgspec.structs.fields(Programme)]
    unknown = sorted(set(said) - set(fields))
    if unknown:
        raise _wrong(path, f"there is no {', '.join(unknown)}; there are {', '.join(fields)}")
    for name, names in _NAMES.items():
        if name in said and said[name] not in names:
            raise _wrong(path, f"{name} = {said[name]!r} is not known; there are {', '.join(names)}")
    try:
        return msgspec.convert(said, Programme)
    except msgspec.ValidationError as error:
        raise _wrong(path, str(error)) from error


def _wrong(path: Path, what: str) -> SettingsWrong:
    return SettingsWrong(f"The programme {path} is not what it should be: {what}.")
