"""Running a notebook: parameters arrive as they are, and a failed or hanging run keeps what it had done."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from flows import notebooks
from flows.notebooks import NotebookError, run_notebook
from tests.bentos.conftest import wait_until
from tqs.errors import UnfitDataError

HANG = "import os, threading; open({pid!r}, 'w').write(str(os.getpid())); threading.Event().wait()"
RUN = """
import sys
from pathlib import Path
from flows import notebooks

notebooks.NOTEBOOKS = Path(sys.argv[1])
notebooks.run_notebook("sample", {}, Path(sys.argv[1]) / "run", limit_s=300, log=print)
"""


def write_notebook(folder: Path, *sources: str) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "sample.ipynb")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    return tmp_path


def test_parameters_keep_their_types_and_output_is_followed(folder: Path) -> None:
    write_notebook(folder, "day = ''; trials = 0", "print(repr(day), repr(trials))")
    lines: list[str] = []
    done = run_notebook("sample", {"day": "2026-11-21", "trials": 3}, folder / "run", limit_s=60, log=lines.append)
    assert done.error is None
    assert "'2026-11-21' 3" in "\n".join(lines)
    assert "2026-11-21" in done.html.read_text()
    assert nbformat.read(done.ipynb, as_version=4).cells[-1].execution_count is not None


def test_a_failed_cell_is_the_error_and_the_cells_before_it_are_kept(folder: Path) -> None:
    write_notebook(folder, "x = 1", "print('came this far')", "raise ValueError('the third cell')")
    done = run_notebook("sample", {}, folder / "run", limit_s=60, log=lambda _: None)
    assert isinstance(done.error, NotebookError)
    assert str(done.error) == "ValueError: the third cell"
    assert "came this far" in done.html.read_text()


def test_unfit_data_stay_unfit_data_across_the_process(folder: Path) -> None:
    write_notebook(folder, "x = 1", "from tqs.errors import UnfitDataError; raise UnfitDataError('only one class')")
    done = run_notebook("sample", {}, folder / "run", limit_s=60, log=lambda _: None)
    assert isinstance(done.error, UnfitDataError)
    assert str(done.error) == "only one class"


def test_a_notebook_whose_kernel_is_killed_says_so_and_the_cells_before_it_are_kept(folder: Path) -> None:
    """As the kernel of the system does for want of memory."""
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    write_notebook(folder, "x = 1", "print('came this far')", kill)
    done = run_notebook("sample", {}, folder / "run", limit_s=60, log=lambda _: None)
    assert isinstance(done.error, NotebookError)
    assert "sample was killed, most likely for want of memory" in str(done.error)
    assert "came this far" in done.ipynb.read_text()


def test_a_hanging_notebook_is_stopped_with_its_kernel(folder: Path) -> None:
    pid = folder / "kernel.pid"
    write_notebook(folder, "x = 1", "print('came this far')", HANG.format(pid=str(pid)))
    done = run_notebook("sample", {}, folder / "run", limit_s=12, log=lambda _: None)
    assert isinstance(done.error, NotebookError)
    assert "ran longer than 12 s" in str(done.error)
    assert "came this far" in done.ipynb.read_text()
    assert is_gone(pid)


def test_a_notebook_ends_with_the_flow_that_was_killed(folder: Path) -> None:
    """It would else go on training, and promote what nobody waits for."""
    pid = folder / "kernel.pid"
    write_notebook(folder, "x = 1", HANG.format(pid=str(pid)))
    flow = subprocess.Popen([sys.executable, "-c", RUN, str(folder)])
    wait_until(lambda: pid.exists() and pid.read_text() != "", 60)
    assert not is_gone(pid)
    flow.kill()
    flow.wait()
    wait_until(lambda: is_gone(pid), 60)


def is_gone(pid: Path) -> bool:
    """Whether the process whose number a file holds has ended."""
    status = Path(f"/proc/{pid.read_text()}/status")
    return not status.exists() or "State:\tZ" in status.read_text()
