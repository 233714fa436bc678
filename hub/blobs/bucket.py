"""Objects in an S3-compatible store, through obstore (Rust's object_store).

Who may write there is said as S3's tools have it: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, or the machine's role.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from hub.errors import ObjectMissing, StoreFault

PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes as a part of a larger object."""
PARTS_AT_ONCE: Final = 2
ANSWER_SECONDS_MAX: Final = 30
RETRY_SECONDS_MAX: Final = 20
DELETED_AT_ONCE: Final = 500


class Bucket:
    """A `Store` in a bucket, `s3://bucket/prefix`. `endpoint`: the server's URL, when it is not Amazon's."""

    def __init__(self, address: str, endpoint: str) -> None:
        config: dict[str, Any] = {"endpoint": endpoint, "virtual_hosted_style_request": False} if endpoint else {}
        with told():
            self._store = S3Store.from_url(
                address,
                config=config,  # type: ignore[arg-type]
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "timeout": timedelta(seconds=ANSWER_SECONDS_MAX),
                },
                retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=RETRY_SECONDS_MAX)},
            )

    async def put(self, name: str, parts: AsyncIterator[bytes]) -> None:
        with told():
            await obstore.put_async(
                self._store, name, parts, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE, use_multipart=True
            )

    async def read(self, name: str, start: int, length: int) -> bytes:
        with told():
            try:
                return bytes(await obstore.get_range_async(self._store, name, start=start, length=length))
            except FileNotFoundError as error:
                raise ObjectMissing from error

    async def delete(self, names: Sequence[str]) -> None:
        for at in range(0, len(names), DELETED_AT_ONCE):
            with told():
                await obstore.delete_async(self._store, list(names[at : at + DELETED_AT_ONCE]))


@contextmanager
def told() -> Iterator[None]:
    """The store's errors as the hub's. Their text may have addresses and names, so only their kind is told."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise StoreFault(f"The store of files does not answer as it should ({type(error).__name__}).") from error
