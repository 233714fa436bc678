"""Which master keys the settings give: those of a KMS first, then those of the environment or of a file."""

from pathlib import Path

from hub.errors import SettingsWrong
from hub.keys.masters import LocalMaster, Master, Masters, master_file, read_master_keys
from hub.keys.transit import TransitMaster, TransitPlace
from hub.settings import Settings


def masters_of(settings: Settings, *, may_be_made: bool) -> Masters:
    """The master keys at hand, read anew when one is wanted that is not among them.

    Raises `MasterKeyMissing`, `SettingsWrong`. `may_be_made`: the database holds nothing yet (`read_master_keys`).
    """
    in_kms = transit_masters(settings)

    def read() -> list[Master]:
        return [*in_kms, *local_masters(settings, beside_a_kms=bool(in_kms), may_be_made=may_be_made)]

    return Masters(read)


def transit_masters(settings: Settings) -> list[TransitMaster]:
    """Those of the KMS, in the order of the setting. Raises `SettingsWrong`."""
    names = [name.strip() for name in settings.kms_keys.split(",") if name.strip()]
    if not settings.kms_url and not names:
        return []
    if not settings.kms_url or not names or not settings.kms_token_file:
        raise SettingsWrong("A KMS needs kms_url, kms_keys and kms_token_file.")
    place = TransitPlace(
        settings.kms_url,
        settings.kms_mount,
        Path(settings.kms_token_file),
        Path(settings.kms_ca_file) if settings.kms_ca_file else None,
    )
    return [TransitMaster(place, name) for name in names]


def local_masters(settings: Settings, *, beside_a_kms: bool, may_be_made: bool) -> list[LocalMaster]:
    """Those of the environment or a file. Beside a KMS there need be none, and none is made. Raises as `masters_of`."""
    data, given, file = Path(settings.data), settings.master_key, settings.master_key_file
    if beside_a_kms and not given and not file and not master_file(data, file).exists():
        return []
    keys = read_master_keys(data, given=given, file=file, may_be_made=may_be_made and not beside_a_kms)
    return [LocalMaster(key) for key in keys]
