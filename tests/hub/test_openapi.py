"""The hub's OpenAPI document is true: whatever it allows, and much that it does not, is answered as it says, and never by a failure."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, Final, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub.api.context import new_context
from hub.runtime import opened
from hub.settings import Settings
from tests.hub.test_api import serving

SEED: Final = 20_261_123
EXAMPLES: Final = 30
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Serving(threading.Thread):
    """A hub that serves in a thread of its own: Schemathesis calls and waits."""

    def __init__(self, hub_settings: Settings) -> None:
        super().__init__()
        self.hub_settings = hub_settings
        self.ready = threading.Event()
        self.url = self.token = ""

    def run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        async with opened(self.hub_settings) as hub:
            self.token = hub._admin_token
            async with serving(new_context(hub)) as self.url:
                self.ready.set()
                await self.stop.wait()


@pytest.fixture
def served(settings: Settings) -> Iterator[Serving]:
    thread = Serving(settings)
    thread.start()
    assert thread.ready.wait(60)
    yield thread
    thread.loop.call_soon_threadsafe(thread.stop.set)
    thread.join()


def operations(url: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_url(f"{url}/schema/openapi.json")
    yield from (cast(Any, found).ok() for found in schema.get_all_operations())


def takes_something(operation: Any) -> bool:
    """Whether there is anything in its requests that could be wrong: any text may be a name."""
    return "{number}" in operation.path or "requestBody" in operation.definition.raw


@pytest.mark.slow
@pytest.mark.parametrize("who", ["nobody", "administrator"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_answers_as_the_document_says(served: Serving, who: str, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {served.token}"} if who == "administrator" else {}
    tried = set()
    for operation in operations(served.url):
        if mode is GenerationMode.NEGATIVE and not takes_something(operation):
            continue

        @seed(SEED)
        @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def answered(case: Any) -> None:
            response = case.call(base_url=served.url, headers=headers)
            case.validate_response(response, checks=CHECKS)
            tried.add((case.method, case.path))

        answered()
    assert len(tried) >= 8


def test_every_operation_says_what_it_answers_when_it_refuses(served: Serving) -> None:
    for operation in operations(served.url):
        statuses = {int(status) for status in operation.definition.raw["responses"]}
        if operation.path.startswith("/api/v1"):
            assert {401, 403, 429, 500, 503} <= statuses, operation.path
        if "requestBody" in operation.definition.raw:
            assert {400, 413} <= statuses, operation.path
        if "{" in operation.path:
            assert 404 in statuses, operation.path
