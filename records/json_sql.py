"""JSON that PostgreSQL writes: what lists and details of the API answer, without a Python object a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def json_object(fields: Mapping[str, str]) -> str:
    """SQL of a JSON object: each name with the SQL expression of its value. At most 50 fields."""
    members = ", ".join(f"'{name}', {value}" for name, value in fields.items())
    return f"json_build_object({members})"


def json_list(fields: Mapping[str, str], rows: str) -> str:
    """SQL of a JSON array with an object for each row `r` of the subquery `rows`, in its order; [] where there is none.

    fields: as for `json_object`, over `r`.
    """
    return f"(SELECT coalesce(json_agg({json_object(fields)}), '[]') FROM ({rows}) r)"


def json_columns(names: Iterable[str], alias: str) -> dict[str, str]:
    """The fields of an object that has columns of `alias` under their own names."""
    return {name: f"{alias}.{name}" for name in names}
