"""A table whose sorting and paging happen where the rows come from, not in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict

import param
from panel.custom import JSComponent

from dashboards.components import read_script

Tone = Literal["plain", "quiet", "good", "warn", "bad"]


class TableColumn(TypedDict, total=False):
    """`key` names the cells of a row. `hidden_below`: width of the table in px under which the column is left out."""

    key: str
    title: str
    help: str
    numeric: bool
    sortable: bool
    hidden_below: int


class Deed(TypedDict):
    """A button in a row: what it does, its words for who hears them, and the name of its Material icon."""

    key: str
    label: str
    icon: str


class Cell(TypedDict, total=False):
    """What stands in a cell. All of it is shown as text, whatever characters it has.

    `detail` is a second line, `narrow` one that is there only where a table is so narrow that other columns are left
    out, `icon` the name of a Material icon, `badge` frames it, `share` draws a bar under it with a mark at `limit`
    and, as a paler band, from `low` to `high`; bars end at 1, or where the fullest of the column does if that is
    above 1. `link` is an address of our own pages; in the first column it is the name of the row, which then is
    chosen by a click beside it, or when the keyboard comes to it. `spark` draws a line through these values (any
    unit, None where there is none), with a dashed one at `spark_limit`. `deeds` are buttons.
    """

    text: str
    detail: str
    narrow: str
    icon: str
    tone: Tone
    badge: bool
    share: float
    limit: float
    low: float
    high: float
    link: str
    spark: list[float | None]
    spark_limit: float
    deeds: list[Deed]


class TableRow(TypedDict, total=False):
    """A row: its id, and its cells by the key of their column; the first column's cell names the row.

    `mark` sets it off from the others, and is the word that says why to who hears it.
    """

    id: str
    cells: dict[str, Cell]
    mark: str


class DataTable(JSComponent):  # type: ignore[misc]  # Panel is not typed for us
    """Rows `page * page_size` and on of `total`, in the order of `sort`; watch `sort`, `page`, `selected`, `deed`."""

    label = param.String(doc="what the table holds, for those who do not see it")
    columns: list[TableColumn] = param.List(item_type=dict)
    rows: list[TableRow] = param.List(item_type=dict)
    total = param.Integer(bounds=(0, None))
    page = param.Integer(bounds=(0, None))
    page_size = param.Integer(default=15, bounds=(1, None))
    sort: dict[str, str] = param.Dict(default={}, doc='{"by": key of a column, "order": "asc" or "desc"}')
    selected: str = param.String(doc="id of the chosen row")
    deed: dict[str, str] = param.Dict(default={}, doc='{"row": id, "key": of the deed, "at": when it was clicked}')

    _esm: ClassVar[str] = read_script("data_table")
    _stylesheets: ClassVar[list[Any]] = [(Path(__file__).parent / "data_table.css").read_text(encoding="utf-8")]
