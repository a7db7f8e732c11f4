import os

import pytest

from audioplane.face.quiet import quiet


def test_native_output_is_held_back(capfd):
    with quiet():
        os.write(2, b"W0000 chatter\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_a_failure_shows_it(capfd):
    with pytest.raises(RuntimeError), quiet():
        os.write(2, b"why it failed\n")
        raise RuntimeError
    assert capfd.readouterr().err == "why it failed\n"
