"""MLflow and Prefect listen on the machine that runs them: links to them are for browsers on that machine."""

from __future__ import annotations

import panel as pn
import pytest

from dashboards.lab_book import link_run, render_tools
from tqs.settings import load_settings

SETTINGS = load_settings(mlflow_port=5001, prefect_port=4201)


@pytest.mark.parametrize("host", ["127.0.0.1:5006", "localhost:5006", "[::1]:5006"])
def test_who_is_on_the_machine_has_links(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(type(pn.state), "headers", {"Host": host})
    assert link_run("ab12", SETTINGS) == {"mlflow": "http://127.0.0.1:5001/#/runs/ab12"}
    tools = render_tools("no_show", SETTINGS)
    assert 'href="http://127.0.0.1:5001/#/models/tqs-no_show"' in tools
    assert 'href="http://127.0.0.1:4201/runs"' in tools


@pytest.mark.parametrize("host", ["tutors.example.com", "localhost.example.com:5006", "", "["])
def test_who_is_elsewhere_is_told_where_they_open(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(type(pn.state), "headers", {"Host": host})
    assert link_run("ab12", SETTINGS) == {}
    assert "href" not in render_tools("no_show", SETTINGS)
