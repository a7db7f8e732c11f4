"""What importing `audioplane.evaluate` loads."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("room", ["bench", "experiments", "prepare", "train", "synthetic", "cli"])
def test_evaluate_does_not_need(room: str):
    code = f"import sys, audioplane.evaluate; sys.exit('audioplane.{room}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
