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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with a slow test go first: begun last, one of them would keep one processor busy while the others have nothing left."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
