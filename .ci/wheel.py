"""Builds the wheel and checks that it holds every tracked file of the package, and the command.

A page, a typing marker or a table that `package-data` forgets is missing only for users, never in
an editable installation.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src")


def main() -> None:
    """Build in a temporary folder; exit with a message if the wheel is not what it should be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *SOURCES], cwd=ROOT, check=True, capture_output=True, text=True
    )
    tracked = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "source"), Path(folder, "out")
        for name in tracked:  # a copy, because setuptools packs what an earlier build left behind
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
        pip = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps"]
        subprocess.run([*pip, "--wheel-dir", str(out), str(source)], check=True)
        wheel = next(out.glob("audioplane-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            packed = set(archive.namelist())
            info = next(name.split("/")[0] for name in packed if ".dist-info/" in name)
            commands = archive.read(f"{info}/entry_points.txt").decode()
        size = wheel.stat().st_size
    expected = {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    package = {name for name in packed if not name.startswith(info)}
    if wrong := sorted(expected ^ package):
        sys.exit(f"the wheel and src/ differ: {', '.join(wrong)}")
    for name in ("METADATA", "licenses/LICENSE"):
        if f"{info}/{name}" not in packed:
            sys.exit(f"the wheel lacks {name}")
    if "audioplane = audioplane.cli:main" not in commands:
        sys.exit("the wheel has no command `audioplane`")
    print(f"{wheel.name}: {len(package)} files, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
