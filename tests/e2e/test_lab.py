"""JupyterLab on the notebooks, as `tqs lab` opens it."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.demo import free_ports
from tests.bentos.conftest import wait_until
from tests.e2e.test_main_job import TQS, make_home
from tqs.loopback import answers


@pytest.mark.timeout(300)
def test_lab_shows_the_notebooks_and_ends_with_sigterm(tmp_path: Path) -> None:
    port = next(iter(free_ports().values()))
    environment = make_home(tmp_path / "home").environment | {"BROWSER": "true", "JUPYTER_TOKEN": "for-this-test"}
    with (tmp_path / "log").open("w") as log:
        lab = subprocess.Popen([TQS, "lab", "--port", port], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: lab.poll() is not None or answers(f"http://127.0.0.1:{port}/api"), 120)
        address = f"http://127.0.0.1:{port}/api/contents"
        with urllib.request.urlopen(f"{address}?token=for-this-test", timeout=20) as answer:  # noqa: S310  # loopback
            names = {item["name"] for item in json.load(answer)["content"]}
        assert {"10_build_features.ipynb", "20_train_model.ipynb"} <= names
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address, timeout=20)
    finally:
        lab.send_signal(signal.SIGTERM)
        status = lab.wait(60)
    assert status == 0, (tmp_path / "log").read_text()
    assert not answers(f"http://127.0.0.1:{port}/api")
    with pytest.raises(ProcessLookupError):
        os.kill(lab.pid, 0)
