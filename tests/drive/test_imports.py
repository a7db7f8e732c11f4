"""What driving a head loads: each library that is not needed is memory of every process."""

import subprocess
import sys


def test_drive_does_not_need_scipys_large_parts():
    code = (
        "import sys, audioplane.drive, audioplane.media.audio as audio;"
        "audio._Resampler(44_100, 48_000);"
        "print(*(m for m in ('signal', 'sparse', 'spatial') if f'scipy.{m}' in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not run.stdout.split()
