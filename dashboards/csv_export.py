"""Tables as CSV files that a browser saves, harmless in a spreadsheet, each one noted with the person who took it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui

from access.audit import record_export
from dashboards.components.download import Download
from dashboards.context import Context
from dashboards.page import LivePage

# A cell that begins so is computed by spreadsheets (OWASP, CSV Injection), also where white space comes before it.
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class CsvTable:
    """name: of the file, without its ending. header: of the columns. rows: as many cells each."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]


def defuse(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: such a text gets an apostrophe before it; numbers stay."""
    if isinstance(value, str) and (value.lstrip().startswith(_FORMULA) or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return "" if value is None else value


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The table as CSV (RFC 4180), cells defused, with the mark by which Excel knows UTF-8."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    writer.writerows([defuse(cell) for cell in row] for row in rows)
    return f"\ufeff{file.getvalue()}"


def show_export(
    context: Context,
    page: LivePage,
    make: Callable[[], CsvTable],
    *,
    label: str = "Export as CSV",
    role: str = "viewer",
) -> pn.Row:
    """A button that gives whoever has `role` the table as a file, and records that they took it.

    make: called in a thread; raises a TqsError where there is nothing to give.
    """
    made: dict[str, str] = {}
    button = pmui.Button(label=label, icon="download", variant="outlined", size="small", margin=0)
    download = Download()

    def export(actor: str) -> str:
        table = make()
        record_export(context.engine, actor, table.name, len(table.rows))
        made.update(name=f"{table.name}.csv", text=write_csv(table.header, table.rows))
        return f"{len(table.rows):,} rows were exported as {table.name}.csv, which is in the audit log."

    def send() -> None:
        download.send(**made)
        made.clear()

    def give(_event: Any) -> None:
        page.act_aside(role, export, "Writing the file …", then=send)

    button.on_click(give)
    return pn.Row(button, download, margin=0)
