"""What every test has: how Hypothesis searches, and what coroutine tests run under."""

import pytest
from hypothesis import HealthCheck, settings

# New examples every time, and a blob that replays a failure: a fixed seed would only ever find what it found before.
# No deadlines, since the machines that run this are noisy; pytest's timeout is there for a hang.
settings.register_profile(
    "medtech",
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("medtech")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop of the servers is asyncio's, so that is what coroutine tests run under."""
    return "asyncio"
