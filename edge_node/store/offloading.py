"""Work in a second process: the pieces that an iterator gives are made there, in order, while this one uses those before.

The child is forked, so it starts with all that is loaded and needs nothing told; it only ever computes and writes into a pipe.
Where there is no `fork`, one processor or more than one thread, the work is done here.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from struct import Struct as Layout
from typing import BinaryIO, Final, NoReturn

import msgspec

from edge_node.errors import EdgeError, InvalidResource, StorageFault

_HEAD: Final = Layout(">cI")
_PIECE, _END, _FAILURE = b"p", b"e", b"f"


def pieces(make: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """What `make` gives, made in a second process if that can be had. Raises what `make` raises, if it is an EdgeError."""
    if not _can_fork():
        yield from make()
        return
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(make, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb", buffering=1 << 20) as pipe:
            yield from _received(pipe)
    finally:
        os.kill(child, signal.SIGKILL)  # it has nothing to lose: it wrote all, or nobody wants it any more
        os.waitpid(child, 0)


def _can_fork() -> bool:
    return hasattr(os, "fork") and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def _received(pipe: BinaryIO) -> Iterator[bytes]:
    while True:
        head = pipe.read(_HEAD.size)
        if len(head) < _HEAD.size:
            raise StorageFault("The second process of the import ended before its work was done")
        kind, size = _HEAD.unpack(head)
        text = pipe.read(size)
        if kind == _END:
            return
        if kind == _FAILURE:
            raise _error(text)
        yield text


def _error(text: bytes) -> EdgeError:
    name, message = msgspec.json.decode(text, type=tuple[str, str])
    return InvalidResource([], message) if name == InvalidResource.__name__ else StorageFault(message)


def _work(make: Callable[[], Iterator[bytes]], writing: int) -> NoReturn:
    """The child's life. It leaves without closing anything of its parent's: not a file, not a connection."""
    status = 1
    try:
        with os.fdopen(writing, "wb") as pipe:
            try:
                for text in make():
                    _send(pipe, _PIECE, text)
                _send(pipe, _END, b"")
            except (EdgeError, OSError) as error:
                _send(pipe, _FAILURE, msgspec.json.encode((type(error).__name__, str(error))))
        status = 0
    finally:
        os._exit(status)


def _send(pipe: BinaryIO, kind: bytes, text: bytes) -> None:
    pipe.write(_HEAD.pack(kind, len(text)) + text)
    pipe.flush()
