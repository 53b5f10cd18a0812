"""Notebooks run on the embedded server alone: what they call is tested on both, and kernels are slow."""

from __future__ import annotations

import pytest
from sqlalchemy import URL


@pytest.fixture(scope="session")
def server_url(embedded_url: URL) -> URL:
    return embedded_url
