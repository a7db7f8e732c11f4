"""The names of `import audioplane`."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import audioplane

ROOT = Path(__file__).parents[1]
_SAID = {
    "evaluate_run": ("Args:", "Returns:", "Raises:"),
    "export_gaussians": ("Args:", "Returns:", "Raises:"),
    "export_web": ("Args:", "Returns:", "Raises:"),
    "load_subject": ("Args:", "Returns:", "Raises:"),
    "open_run": ("Args:", "Raises:"),
    "pack_run": ("Args:", "Returns:", "Raises:"),
    "prepare_subject": ("Args:", "Returns:", "Raises:"),
    "train_head": ("Args:", "Yields:", "Raises:"),
    "verify_video": ("Args:", "Returns:", "Raises:"),
}


def test_importing_brings_nothing_heavy_and_is_quick():
    code = (
        "import sys, time; t = time.perf_counter(); import audioplane; "
        "print(time.perf_counter() - t, *sorted({m.split('.')[0] for m in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *modules = run.stdout.split()
    assert not {"torch", "numpy", "numba", "cv2", "av", "rich", "tyro"} & set(modules)
    assert float(seconds) < 0.1


def test_every_name_is_there_and_documented():
    documented = set(re.findall(r"^### `([\w.]+)`", (ROOT / "docs/api.md").read_text(), re.M))
    names = {name for name in audioplane.__all__ if not name.startswith("__")}
    assert names == documented == set(audioplane._HOMES)
    assert dir(audioplane) == sorted(audioplane.__all__)
    for name in names:
        value = getattr(audioplane, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_docstrings_of_functions_say_what_goes_in_and_out_and_what_goes_wrong():
    for name, parts in _SAID.items():
        text = inspect.getdoc(getattr(audioplane, name)) or ""
        assert all(part in text for part in parts), name


def test_python_m_audioplane_works():
    run = subprocess.run(
        [sys.executable, "-m", "audioplane", "--version"], capture_output=True, text=True
    )
    assert run.returncode == 0 and run.stdout == f"audioplane {audioplane.__version__}\n"


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(audioplane, "nonsense")
