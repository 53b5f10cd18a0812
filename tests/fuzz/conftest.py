"""Made-up requests meet the embedded server alone: what they set off is tested on both, and they are many."""

from __future__ import annotations

import pytest
from sqlalchemy import URL


@pytest.fixture(scope="session")
def server_url(embedded_url: URL) -> URL:
    return embedded_url
