"""A page made ahead is given to just the question that it was made for, once, and only a few are kept."""

import pytest
from msgspec.structs import replace

from hub.ahead import PAGES_MAX, Ahead, Page, Question
from hub.store.scopes import ScopeRow

SCOPE = ScopeRow(1, "facility/a", "facility", 9, 7, 1234, b"key")
QUESTION = Question(SCOPE, after=4, incarnation=5, limit=3)
PAGE = Page(7, b"frame", [], 0)


def made(ahead: Ahead, question: Question) -> None:
    ahead.expect(question)
    waiting = ahead.begin()
    assert waiting is not None
    assert waiting.question == question
    waiting.page = PAGE


def test_a_page_is_given_once() -> None:
    ahead = Ahead()
    made(ahead, QUESTION)
    assert ahead.begin() is None
    assert ahead.take(replace(QUESTION)) is PAGE
    assert ahead.take(QUESTION) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, after=5),
        replace(QUESTION, limit=2),
        replace(QUESTION, scope=replace(SCOPE, seq=10)),
        replace(QUESTION, scope=replace(SCOPE, epoch=8)),
        replace(QUESTION, scope=replace(SCOPE, digest=0)),
    ],
)
def test_another_question_of_the_node_throws_it_away(other: Question) -> None:
    ahead = Ahead()
    made(ahead, QUESTION)
    assert ahead.take(other) is None
    assert ahead.take(QUESTION) is None


def test_another_node_gets_nothing_of_it() -> None:
    ahead = Ahead()
    made(ahead, QUESTION)
    assert ahead.take(replace(QUESTION, incarnation=6)) is None
    assert ahead.take(QUESTION) is PAGE


def test_a_question_that_comes_too_early_is_answered_without_it() -> None:
    ahead = Ahead()
    ahead.expect(QUESTION)
    waiting = ahead.begin()
    assert waiting is not None
    assert ahead.take(QUESTION) is None
    waiting.page = PAGE
    assert ahead.take(QUESTION) is None


def test_few_are_kept_and_none_for_long() -> None:
    ahead = Ahead()
    for incarnation in range(PAGES_MAX + 1):
        made(ahead, replace(QUESTION, incarnation=incarnation))
    assert [ahead.take(replace(QUESTION, incarnation=i)) for i in (0, 1)] == [None, PAGE]
    ahead.expect(QUESTION)
    waiting = ahead.begin()
    assert waiting is not None
    ahead.expect(QUESTION)
    ahead.forget(waiting)
    latest = ahead.begin()
    assert latest is not None
    assert latest is not waiting
    ahead.forget(latest)
    assert ahead.begin() is None
