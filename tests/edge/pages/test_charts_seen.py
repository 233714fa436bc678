"""Charts in a real browser, under the pages' own policy: they fit a phone, are legible, and axe finds nothing, in light and dark."""

from html import escape
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Route

from edge_node.pages.plot import draw
from edge_node.pages.rendering import POLICY
from tests.edge.pages.conftest import SIZES
from tests.edge.pages.test_browser import AXE
from tests.edge.pages.test_charts import ARABIC, CSS, ENGLISH, made

ORIGIN = "http://clinic.test"
LETTERS_PX_LEAST = 10
"""Of the smallest labels, on the narrowest phone."""


def document(direction: str) -> str:
    figures = "".join(
        f'<figure class="card chart-card"><figcaption>{escape(chart.title)}</figcaption>{draw(chart, f"chart-{at}")}</figure>'
        for at, chart in enumerate(made(ENGLISH if direction == "ltr" else ARABIC))
    )
    return (
        f'<!doctype html><html lang="en" dir="{direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Charts</title>'
        '<link rel="stylesheet" href="/clinic.css"></head>'
        f'<body><main><h1>Charts</h1><div class="charts">{figures}</div></main></body></html>'
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_charts_fit_are_legible_and_accessible(
    browser: Browser, tmp_path: Path, direction: str, size: str, scheme: Literal["light", "dark"]
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=False)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    def answer(route: Route) -> None:
        if route.request.url.endswith(".css"):
            route.fulfill(body=CSS.read_text(encoding="utf-8"), content_type="text/css")
        else:
            route.fulfill(
                body=document(direction), content_type="text/html", headers={"content-security-policy": POLICY}
            )

    page.route("**/*", answer)
    page.goto(ORIGIN)
    page.screenshot(path=tmp_path / f"charts-{direction}-{size}-{scheme}.png", full_page=True)
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    letters = page.evaluate(
        """() => [...document.querySelectorAll('svg.chart')].map(svg =>
             Math.min(...[...svg.querySelectorAll('text')].map(text => +text.getAttribute('font-size')))
             * svg.getBoundingClientRect().width / 340)"""
    )
    assert min(letters) >= LETTERS_PX_LEAST
    # The policy forbids scripts, so axe comes in by the debugger, which it does not bind.
    page.evaluate(AXE)
    found: Any = page.evaluate("axe.run(document, { resultTypes: ['violations', 'passes'] })")
    assert found["passes"]
    assert [(one["id"], [node["html"] for node in one["nodes"]][:2]) for one in found["violations"]] == []
    context.close()
