"""The relay leaves nothing behind, at whatever moment it ends."""

import gc
import socket
import threading

from tests.processes.relay import Relay


def test_a_connection_that_came_as_it_ended_is_closed_too() -> None:
    """Both are seen in one round of its loop: the end, and a connection that nobody was given yet."""
    relay = Relay()
    busy, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        busy.set()
        assert go_on.wait(10)

    with relay:
        relay._loop.call_soon_threadsafe(hold)
        assert busy.wait(10)
        client = socket.create_connection(("127.0.0.1", relay.port), timeout=10)
        relay._loop.call_soon_threadsafe(relay._loop.stop)
        go_on.set()
    gc.collect()  # warns of a socket that nobody closed, which fails the test
    with client:
        assert client.recv(1) == b""
