"""Run every benchmark, write `benchmarks/results.json` and print the table: `python -m benchmarks [--full] [NAME ...]`.

Where some are named, only their rows are measured and written anew.

Each figure stands beside its limit or its peer, measured in the same run: `ratio` is ours to the limit, `target` what
it has to keep (`ok`). Exit status 1 where one does not.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from pathlib import Path
from typing import Any

import benchmarks

RESULTS = Path(__file__).parent / "results.json"
COLUMNS = ("name", "ours", "limit", "unit", "ratio", "target", "ok")


def main() -> int:
    arguments = _parse_arguments()
    rows: list[dict[str, Any]] = []
    for name in arguments.names or _names():
        started = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").run(full=arguments.full)
        print(f"{name} took {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    kept = [] if not arguments.names or not RESULTS.exists() else json.loads(RESULTS.read_text(encoding="utf-8"))
    measured = {row["name"] for row in rows}
    results = [*(row for row in kept if row["name"] not in measured), *rows]
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print_results(rows)
    return 0 if all(row["ok"] for row in rows) else 1


def print_results(rows: list[dict[str, Any]]) -> None:
    width = max((len(row["name"]) for row in rows), default=4)
    print(f"{'name':<{width}}  {'ours':>12}  {'limit':>12}  {'unit':<14}  {'ratio':>7}  {'target':<9}  ok")
    for row in rows:
        ours, limit = (f"{row[key]:,.4g}" if abs(row[key]) < 1000 else f"{row[key]:,.0f}" for key in ("ours", "limit"))
        verdict = "yes" if row["ok"] else "NO"
        line = f"{row['name']:<{width}}  {ours:>12}  {limit:>12}  {row['unit']:<14}  {row['ratio']:>7.3f}"
        print(f"{line}  {row['target']!s:<9}  {verdict}")


def _names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")]


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*_names(), []], help="only these")
    parser.add_argument("--full", action="store_true", help="the big sizes too")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
