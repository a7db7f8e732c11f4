"""Suppression of terminal output of native libraries, which no setting of theirs prevents."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONE_AT_A_TIME = threading.Lock()
_STDERR = 2


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what is written to the process's standard error; show it if the work fails.

    MediaPipe's graphs log a dozen lines each while they are made, before any level can be set.
    The output of other threads is held back too.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as words:
        if sys.stderr is not None:
            sys.stderr.flush()
        try:
            before = os.dup(_STDERR)
        except OSError:  # closed, as of some services
            before = os.open(os.devnull, os.O_WRONLY)
        os.dup2(words.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            words.seek(0)
            os.write(before, words.read())
            raise
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
