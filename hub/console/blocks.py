"""What a page of the console is made of: data, drawn by one template. So every table is a table for eyes, for printers and as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from markupsafe import Markup
from msgspec import Struct

Tone = Literal["", "good", "warn", "bad", "quiet"]


class Cell(Struct, frozen=True):
    """One value. `text` is for people; `plain` is the same for a file, where that is another ('2 hours ago')."""

    text: str
    href: str = ""
    tone: Tone = ""
    plain: str = ""
    at: datetime | None = None


class Column(Struct, frozen=True):
    """A column; numbers stand to the right."""

    label: str
    number: bool = False


class Table(Struct, frozen=True, kw_only=True):
    """A table. `name`: of its file. `empty`: said where there are no rows. `more`: where the next page is."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "There is nothing here."
    more: str = ""
    intro: str = ""
    half: bool = False
    """Whether it is narrow enough to stand beside another."""


class Tile(Struct, frozen=True):
    """One number that matters, with what it is. `live`: the name under which it is kept up to date."""

    label: str
    value: str
    tone: Tone = ""
    note: str = ""
    href: str = ""
    live: str = ""


class Tiles(Struct, frozen=True):
    """Several."""

    tiles: tuple[Tile, ...]
    title: str = ""


class Chart(Struct, frozen=True, kw_only=True):
    """A picture with its numbers in a table below."""

    title: str
    svg: Markup
    table: Table
    keys: tuple[tuple[Markup, str], ...] = ()
    intro: str = ""


class Region(Struct, frozen=True, kw_only=True):
    """A region on the map: its facilities as a field of signs, and the same in words."""

    name: str
    href: str
    svg: Markup
    facts: tuple[tuple[str, str], ...]
    words: tuple[Cell, ...]


class Map(Struct, frozen=True, kw_only=True):
    """All regions."""

    title: str
    regions: tuple[Region, ...]
    legend: tuple[tuple[Markup, str], ...]


class Field(Struct, frozen=True, kw_only=True):
    """A field of a form. `options`: (value, words) for a choice."""

    name: str
    label: str
    kind: Literal["text", "password", "date", "search", "select", "hidden", "checkbox"] = "text"
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    required: bool = False
    complete: str = "off"


class Form(Struct, frozen=True, kw_only=True):
    """A form. `method` get: a search, which changes nothing."""

    action: str
    button: str
    fields: tuple[Field, ...]
    title: str = ""
    intro: str = ""
    tone: Tone = ""
    method: Literal["post", "get"] = "post"
    cancel: str = ""


class News(Struct, frozen=True, kw_only=True):
    """Something that the reader has to see. `code`: to be copied; `drawn`: the same for a telephone."""

    text: str
    tone: Tone = ""
    code: str = ""
    drawn: Markup | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """Names and values of one thing."""

    title: str
    rows: tuple[tuple[str, Cell], ...]
    actions: tuple[Cell, ...] = ()


class Links(Struct, frozen=True):
    """What may be done from here."""

    links: tuple[Cell, ...]


Block = Tiles | Table | Chart | Map | Form | News | Facts | Links


class Page(Struct, frozen=True, kw_only=True):
    """A page. `here`: the entry of the menu. `age`: of its numbers, in words; `ways`: the pages above it."""

    title: str
    here: str
    blocks: Sequence[Block]
    age: str = ""
    ways: tuple[Cell, ...] = ()
    live: str = ""
    status: int = 200


def tables(page: Page) -> Iterator[Table]:
    """All tables of a page, those of its charts too."""
    for block in page.blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, Chart):
            yield block.table


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(table: Table) -> str:
    """A table as CSV (RFC 4180). What a spreadsheet would take for a formula is made text: names come from elsewhere."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([column.label for column in table.columns])
    for row in table.rows:
        writer.writerow(
            [_harmless(cell, column.number) for cell, column in zip(row, table.columns, strict=True)],
        )
    return file.getvalue()


def _harmless(cell: Cell, number: bool) -> str:
    text = cell.at.isoformat(timespec="seconds") if cell.at is not None else cell.plain or cell.text
    if number and _is_number(text):
        return text
    return f"'{text}" if text.startswith(_FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
