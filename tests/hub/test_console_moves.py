"""Moving a facility from the console: asked for by an administrator, carried out in the background, looked at meanwhile."""

import pytest

from hub import relocating
from hub.api.context import new_context
from hub.runtime import Hub
from tests.hub.clinic import new_clinic
from tests.hub.conftest import NOW_MS, add_east
from tests.hub.entering import entered
from tests.hub.test_api import serving

MOVE = "/admin/facilities/w1/move"


class Ended(Exception):
    """The process ends here."""


async def test_a_facility_is_moved_and_the_page_says_how_far_it_is(two: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = await new_clinic(two, "w1", NOW_MS)
    await clinic.push(*({"resourceType": "Patient", "id": f"p{number}"} for number in range(5)))
    async with serving(new_context(two)) as url, entered(two, url) as client:
        assert MOVE in (await client.get("/admin/facilities/w1")).text
        form = (await client.get(MOVE)).text
        assert "It is on shard 1." in form
        assert '<option value="2"' in form
        assert '<option value="1"' not in form
        for wrong, status in (("", 400), ("x", 400), ("3", 400), ("99999999999999999999", 400)):
            assert (await client.post(MOVE, data={"shard": wrong})).status_code == status, wrong
        assert (await client.post("/admin/facilities/nobody/move", data={"shard": "2"})).status_code == 404
        asked = await client.post(MOVE, data={"shard": "2"})
        assert asked.headers["location"] == f"{MOVE}?done=moving"
        page = (await client.get(asked.headers["location"])).text
        assert "0 of 5" in page
        assert "being copied" in page

        async def ended(_: object) -> None:
            raise Ended

        with monkeypatch.context() as patch:
            patch.setattr(relocating._Relocation, "_take", ended)
            with pytest.raises(Ended):
                await relocating.go_on(two)
        page = (await client.get(MOVE)).text  # between the shards, when neither serves it
        assert "handed over" in page
        assert "5 of 5" in page
        assert await relocating.go_on(two) == 1
        assert "It is on shard 2." in (await client.get(MOVE)).text
        assert "facility.move" in (await client.get("/admin/audit?actor=admin-")).text
    assert (await two.shards.of_facility("w1")).id == 2


async def test_who_may_not_move_is_refused_and_where_there_is_one_shard_nothing_is_offered(hub: Hub) -> None:
    await add_east(hub)
    async with serving(new_context(hub)) as url:
        async with entered(hub, url, "operator") as client:
            assert (await client.get("/admin/facilities/f0/move")).status_code == 403
            assert (await client.post("/admin/facilities/f0/move", data={"shard": "2"})).status_code == 403
            assert "/move" not in (await client.get("/admin/facilities/f0")).text
        async with entered(hub, url) as client:
            assert "on one shard only" in (await client.get("/admin/facilities/f0/move")).text
    assert await relocating.go_on(hub) == 0
