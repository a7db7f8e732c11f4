import os
import subprocess
import sys

import pytest

from audioplane.face.quiet import quiet


def test_native_output_is_held_back(capfd):
    with quiet():
        os.write(2, b"W0000 chatter\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("closed", ["2>&-", "0<&- 2>&-"])
def test_a_process_without_standard_error_works_too(closed):
    code = "from audioplane.face.quiet import quiet\nwith quiet():\n    print('works')"
    command = ["sh", "-c", f'exec "{sys.executable}" -c "{code}" {closed}']
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "works\n")


def test_a_failure_shows_it(capfd):
    with pytest.raises(RuntimeError), quiet():
        os.write(2, b"why it failed\n")
        raise RuntimeError
    assert capfd.readouterr().err == "why it failed\n"
