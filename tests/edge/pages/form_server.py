"""The clinic's server with one form more, `/patients/{id}/try`, that is carried out once by its token.

A text with `ask` in it is asked about once before it is saved; one with `lost` is saved, and then no answer comes the first time.
"""

import asyncio
import json
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader
from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from edge_node.api.app import Parts, make_app
from edge_node.api.serve import Address, serve, set_up_log
from edge_node.pages import rendering
from edge_node.pages.desk import Desk
from edge_node.pages.forms import fields
from edge_node.pages.routes import make_pages
from edge_node.programme import Programme
from edge_node.store.model import Write
from edge_node.store.store import Store
from tests.edge.pages.server import KEY, now_ms

FORM = """{% extends "frame.html" %}
{% block title %}Visit{% endblock %}
{% block live %} data-live="/patients/{{ id }}/changes?since=0"{% endblock %}
{% block main %}<h1>Visit of a patient</h1>
<form method="post" action="/patients/{{ id }}/try">
<input type="hidden" name="form.token" value="{{ token }}">
{% if asked %}<p>Is that right?</p><label><input type="checkbox" name="sure" value="yes"> Yes</label>{% endif %}
<label>Weight <input name="weight" value="{{ weight }}"></label>
<label>Note <textarea name="note">{{ note }}</textarea></label>
<label><input type="radio" name="place" value="here"> Here</label>
<label><input type="radio" name="place" value="home"> At home</label>
<button class="button" type="submit">Save</button></form>
<section id="latest"><h2>Latest</h2></section>{% endblock %}"""


def with_form(parts: Parts) -> Sequence[ControllerRouterHandler]:
    """The pages, and the form."""
    desk = Desk(parts, None, False)
    environment = rendering.environment()
    assert environment.loader is not None
    environment.loader = ChoiceLoader([environment.loader, DictLoader({"try.html": FORM})])
    led: dict[str, str] = {}

    async def page(request: Request[Any, Any, Any], id_: str, token: str, note: str, asked: bool) -> Response[str]:
        author = desk.author(request)
        given: dict[str, Any] = {
            "id": id_,
            "token": token,
            "note": note,
            "asked": asked,
            "weight": len(desk.store.everything(id_)),
        }
        return await desk.page(request, author, "try.html", here="patients", **given)

    @get("/patients/{id_:str}/try")
    async def form(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[str]:
        return await page(request, id_, uuid.uuid4().hex, "", False)

    @post("/patients/{id_:str}/try", status_code=200)
    async def save(request: Request[Any, Any, Any], id_: FromPath[str]) -> Response[Any]:
        author = desk.author(request)
        sent = fields(request.headers.get("content-type"), await request.body())
        token, note = sent["form.token"], sent["note"]
        if token in led:
            return rendering.redirect(led[token])
        if "ask" in note and "sure" not in sent:
            return await page(request, id_, token, note, True)
        led[token] = f"/patients/{id_}"
        await desk.threads.write(desk.store.write, [observation(id_, note)], author, now_ms())
        parts.feed.changed()
        if "lost" in note:
            await asyncio.sleep(60)
        return rendering.redirect(led[token])

    return [*make_pages(None, key_is_plain=True)(parts), form, save]


def observation(patient: str, note: str) -> Write:
    """What the form says."""
    body = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Visit"},
        "subject": {"reference": f"Patient/{patient}"},
        "valueString": note,
    }
    return Write("Observation", None, json.dumps(body).encode(), create=True)


def main(directory: Path) -> None:
    set_up_log("text")
    with Store.open(directory, KEY, Programme()) as store:
        serve(make_app(store, now_ms, pages=with_form), Address(port=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
