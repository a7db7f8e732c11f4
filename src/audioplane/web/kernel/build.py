"""Builds head.wasm from the sources beside it: `python -m audioplane.web.kernel.build`.

The compiler is Zig's clang, of the wheel ziglang; other versions give other bytes.
"""

import subprocess
import sys
from pathlib import Path

COMPILER = "ziglang==0.17.1"
# -O3 blends more slowly (docs/browser.md), and the file is half as large again.
_FLAGS = (
    "-target wasm32-freestanding -mcpu=generic+simd128+bulk_memory -Os -nostdlib -Wall -Wextra "
    "-Werror -Wl,--no-entry -Wl,--strip-all"
)


def build(out: Path) -> None:
    """Compile the kernels. Raises `CalledProcessError` if ziglang is missing or fails."""
    folder = Path(__file__).parent
    names = ("head.c", "splat.c", "detail.c", "mark.c", "recogniser.c")
    sources = [folder / name for name in names]
    command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS.split(), "-o", out, *sources]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    build(Path(__file__).parent / "head.wasm")
