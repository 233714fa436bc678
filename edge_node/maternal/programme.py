"""What differs from country to country and clinic to clinic: the settings by which the rules are applied."""

import msgspec


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a clinic.

    `schedule`: the contacts' plan, a name in `edge_node.maternal.contacts.SCHEDULES`. `malaria`: moderate or high transmission, so
    preventive treatment is given. `anaemia_common`: at least 40 % of pregnant women are anaemic, so 60 mg of iron a day are
    given, not 30. `calcium_low`: most women eat little calcium. `worms`: at least 20 % have worms. `hiv_common`: at least 5 % of
    pregnant women have HIV, or of their partners in this place, so the test is repeated in the third trimester.
    `altitude_m`: metres above the sea, where women live. `lost_after_days`: how long a contact has to be overdue until
    she counts as lost from sight. Defaults suit a rural clinic in tropical Africa.
    """

    schedule: str = "who-2016"
    malaria: bool = True
    anaemia_common: bool = True
    calcium_low: bool = True
    worms: bool = True
    hiv_common: bool = True
    altitude_m: int = 0
    lost_after_days: int = 28
