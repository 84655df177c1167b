"""Tables in pages of the documentation that tests write: a column for each server, a row for each thing that is tried."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
DOCS = Path(__file__).parent.parent / "docs"

WRITE = "TIGREST_WRITE_TABLE"
"""Environment variable that has the tests write what they see."""


@dataclass(frozen=True)
class PageTable:
    """A table of a page.

    Args:
        page: name of its file in ``docs``.
    """

    page: str

    def columns(self) -> dict[str, list[str]]:
        """Return the columns as the page has them, by heading; that of the rows' names has none."""
        text = (DOCS / self.page).read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
        lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
        rows = [line for line in lines if not set("".join(line)) <= set("-")]
        return {column[0]: list(column) for column in zip(*rows, strict=True)} if rows else {}

    def write(self, names: Sequence[str], column: Sequence[str]) -> None:
        """Put a column into the page, from its heading.

        Args:
            names: of the rows.
            column: its heading, and a cell for each row.
        """
        columns = self.columns() | {column[0]: list(column)}
        before = columns.pop("", [""])
        cells = {heading: dict(zip(before[1:], each[1:], strict=False)) for heading, each in columns.items() if heading != column[0]}
        cells[column[0]] = dict(zip(names, column[1:], strict=True))
        order = [heading for heading in columns if heading]
        lines = [["", *order], ["---"] * (len(order) + 1), *[[name, *[cells[each].get(name, "?") for each in order]] for name in names]]
        text = (DOCS / self.page).read_text("utf-8")
        table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        (DOCS / self.page).write_text(text.partition(BEGIN)[0] + BEGIN + table + END + text.partition(END)[2], "utf-8")

    def check(self, names: Sequence[str], column: Sequence[str]) -> None:
        """Check that the page has a column as it was seen; write it first where :data:`WRITE` is set."""
        if WRITE in os.environ:
            self.write(names, column)
        columns = self.columns()
        assert columns.get("") == ["", *names], f"{self.page} has other rows; make table"
        assert column[0] in columns, f"{self.page} has no column {column[0]}; make table"
        written = dict(zip(names, columns[column[0]][1:], strict=True))
        differing = [f"{name}: {cell}, not {written[name]}" for name, cell in zip(names, column[1:], strict=True) if cell != written[name]]
        assert not differing, f"{self.page}, {column[0]}: {'; '.join(differing)}; make table"
