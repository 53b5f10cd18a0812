"""What the rounds of tests stand on."""

from __future__ import annotations

import pytest
from sqlalchemy import URL, Engine, text

from records.engine import create_app_engine
from tests.conftest import temporary_database


def test_each_round_runs_on_its_own_server(engine: Engine, embedded_url: URL, request: pytest.FixtureRequest) -> None:
    def folder(of: Engine) -> str:
        with of.connect() as connection:
            return str(connection.scalar(text("SHOW data_directory")))

    with temporary_database(embedded_url) as database:
        embedded = create_app_engine(database)
        is_embedded = folder(engine) == folder(embedded)
        embedded.dispose()
    assert is_embedded == (request.node.callspec.params["server_url"] == "embedded")
