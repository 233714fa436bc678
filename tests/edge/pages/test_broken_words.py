"""Two values, and two records, beside each other on a telephone: no word is broken that would fit on a line."""

from typing import Any, Final

import pytest
from playwright.sync_api import Browser

from tests.edge.pages import clinic
from tests.edge.pages.conftest import SIZES, Served, log_in
from tests.edge.pages.test_browser import disagree

ROLE: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
BROKEN: Final = """() => {
  const found = []
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT)
  for (let node = words.nextNode(); node; node = words.nextNode()) {
    if (!node.parentElement.checkVisibility() || node.parentElement.closest(".unseen")) continue
    for (const word of node.data.matchAll(/[\\p{L}\\p{M}\\p{N}]+/gu)) {
      const range = document.createRange()
      range.setStart(node, word.index)
      range.setEnd(node, word.index + word[0].length)
      const lines = new Set([...range.getClientRects()].filter((one) => one.width > 0).map((one) => Math.round(one.top)))
      if (lines.size > 1) found.push(word[0])
    }
  }
  return found
}"""
"""Words of which a part stands on the next line."""


def about(id_: str, family: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id_,
        "name": [{"family": family, "given": ["Oluwafunmilayo"]}],
        "gender": "female",
        "birthDate": "1990-11-01",
        "address": [{"city": "Ndotukumanyam", "district": "Tolon-Kumbungu"}],
        "telecom": [{"system": "phone", "value": "+233201234567"}],
        "contact": [
            {"relationship": [{"coding": [{"system": ROLE, "code": "MTH"}]}], "name": {"text": "Abdulrahmaniyat"}}
        ],
        "maritalStatus": {"text": "Polygamous marriage"},
        "communication": [{"language": {"text": "Northern Ghanaian"}, "preferred": True}],
        **more,
    }


@pytest.mark.parametrize("language", ["en", "fr", "sw", "ha", "ar"])
def test_words_are_broken_on_no_page_that_compares(browser: Browser, served: Served, language: str) -> None:
    disagree(served)
    with served.store() as store:
        clinic.write(store, about("one", "Akwasi-Agyeman", {}))
        clinic.write(
            store, about("two", "Wereko-Brobbey", {"birthDate": "1991-12-03", "deceasedDateTime": "2026-09-30"})
        )
    width, height = SIZES["phone"]
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=served.url)
    page = context.new_page()
    log_in(page)
    page.request.post("/language", form={"language": language, "next": "/"}, headers={"origin": served.url})
    found = {}
    for path in ("/patients/one/same/two", "/patients/one/same", "/conflicts", "/patients/olawale"):
        page.goto(path)
        if broken := page.evaluate(BROKEN):
            found[path] = broken
    context.close()
    assert found == {}
