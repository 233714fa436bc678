"""The page that is read before a device trusts, without HTTPS: in the reader's language, which may be chosen there."""

from collections.abc import AsyncIterator

import httpx
import pytest

from edge_node.pages.trust_pages import Trust, make_plain
from edge_node.tls.serving import Certificates
from tests.edge.tls.test_serving import NOW, Looked

ADDRESS = "http://192.168.4.1:8071"


@pytest.fixture
async def newcomer() -> AsyncIterator[httpx.AsyncClient]:
    """A device that knows nothing of the clinic yet."""
    trust = Trust(Certificates(Looked()), lambda: int(NOW.timestamp() * 1000), "fr")
    transport = httpx.ASGITransport(make_plain(trust, 8071, 8070))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        yield client


async def test_it_is_read_in_the_browsers_language_and_else_in_the_clinics(newcomer: httpx.AsyncClient) -> None:
    arabic = (await newcomer.get("/trust", headers={"accept-language": "ar"})).text
    assert 'lang="ar" dir="rtl"' in arabic
    assert 'lang="fr"' in (await newcomer.get("/trust")).text


async def test_another_language_is_chosen_there_and_the_steps_stay_on_the_screen(newcomer: httpx.AsyncClient) -> None:
    asked = (await newcomer.get("/trust")).text
    assert '<input type="hidden" name="next" value="/trust">' in asked
    headers = {"origin": ADDRESS}
    chosen = await newcomer.post("/language", data={"language": "sw", "next": "/trust"}, headers=headers)
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/trust")
    assert 'lang="sw"' in (await newcomer.get("/trust", headers={"accept-language": "ar"})).text


async def test_what_is_too_large_for_a_choice_is_not_read(newcomer: httpx.AsyncClient) -> None:
    answer = await newcomer.post("/language", data={"language": "s" * 5000}, headers={"origin": ADDRESS})
    assert answer.status_code == 413
