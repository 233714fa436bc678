"""Where objects rest: one seam, a folder and an S3-compatible store behind it, chosen by the setting `blob_store` and the region.

An object's name begins with its region, so that each region can have a bucket of its own. Objects are written once, under names that
were never used before; what Postgres does not name is not there for anybody (`hub.blobs.keeping`).
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from hub.blobs.bucket import Bucket
from hub.blobs.folder import Folder
from hub.errors import SettingsWrong
from hub.settings import Settings

REGION: Final = "{region}"


class Store(Protocol):
    """Objects by name, as `west/3f/3f2a…`."""

    async def put(self, name: str, parts: AsyncIterator[bytes]) -> None:
        """Writes an object: afterwards it is there whole, whatever fails; before, not at all. Raises `StoreFault`."""
        ...

    async def read(self, name: str, start: int, length: int) -> bytes:
        """So many bytes of an object, fewer at its end. Raises `StoreFault`, `ObjectMissing`."""
        ...

    async def delete(self, names: Sequence[str]) -> None:
        """Deletes objects; those that are not there count as deleted. Raises `StoreFault`."""
        ...


class Stores:
    """The store of each region, opened when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: dict[str, Store] = {}

    def of(self, name: str) -> Store:
        """The store that an object of this name belongs to."""
        region = name.partition("/")[0]
        if (store := self._opened.get(region)) is None:
            store = self._opened[region] = opened(self._settings, region)
        return store


def opened(settings: Settings, region: str) -> Store:
    """The store of a region. Raises `SettingsWrong` for an address that is none."""
    address = settings.blob_store.replace(REGION, region)
    scheme, separator, _ = address.partition("://")
    if not address:
        return Folder(Path(settings.data) / "blobs")
    if not separator and Path(address).is_absolute():
        return Folder(Path(address))
    if scheme == "s3":
        return Bucket(address, settings.blob_store_endpoint)
    raise SettingsWrong("blob_store is neither an absolute path nor s3://bucket/prefix.")
