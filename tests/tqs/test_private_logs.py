from __future__ import annotations

import io
import logging

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from tqs.private_logs import leave_values_unlogged


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(output: io.StringIO) -> logging.Logger:
    logger = logging.Logger("of a test")
    logger.addHandler(logging.StreamHandler(output))
    leave_values_unlogged(logger)
    return logger


def test_a_refused_row_is_logged_without_its_values(
    engine: Engine, logger: logging.Logger, output: io.StringIO
) -> None:
    """PostgreSQL quotes the whole row in its DETAIL, which hide_parameters does not hide."""
    insert = text("INSERT INTO students (id, name, source) VALUES (gen_random_uuid(), :name, 'nowhere')")
    values = {"name": "Mia Meyer"}
    try:
        with engine.begin() as connection:
            connection.execute(insert, values)
    except IntegrityError:
        logger.exception("it failed")

    said = output.getvalue()
    assert "it failed" in said
    assert "sqlalchemy.exc.IntegrityError" in said
    assert "test_private_logs.py" in said
    assert "Mia" not in said


def test_what_led_to_an_error_is_told_as_well(logger: logging.Logger, output: io.StringIO) -> None:
    name = "Mia Meyer"
    try:
        try:
            float(name)
        except ValueError as error:
            raise KeyError(name) from error
    except KeyError:
        logger.exception("it failed")

    said = output.getvalue()
    assert said.index("builtins.ValueError") < said.index("which led to") < said.index("builtins.KeyError")
    assert "Mia" not in said
