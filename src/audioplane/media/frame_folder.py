"""A folder of numbered PNG images, written whole or not at all."""

import shutil
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

from audioplane.assets import check_output
from audioplane.errors import MediaError
from audioplane.media.image import encode_image


def check_frame_folder(folder: Path) -> None:
    """Refuse, before any work, what `FrameFolder` could not write. Raises `MediaError`."""
    if not folder.name:
        raise MediaError(f"{folder} cannot be replaced by a folder of frames: name a new one in it")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MediaError(f"{folder} is there already: choose a new or an empty folder")
    check_output(folder / "00000.png")


class FrameFolder:
    """Writes `00000.png`, `00001.png`, … into a folder beside its place, which gets its name when
    it is complete. A context manager, as `VideoWriter` is."""

    def __init__(self, folder: Path):
        """Raises `MediaError` where the folder holds anything, or cannot be made."""
        check_frame_folder(folder)
        self.path, self._count = folder, 0
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            # Of this writer alone; in it the folder has the permissions of any other.
            scratch = mkdtemp(".partial", f".{folder.name}.", folder.parent)
            self._scratch, self._partial = Path(scratch), Path(scratch) / folder.name
            self._partial.mkdir()
        except OSError as e:
            raise MediaError(f"{folder} cannot be made: {e.strerror}") from e

    def __enter__(self) -> "FrameFolder":
        return self

    def write(self, frame: UInt8[np.ndarray, "h w c"]) -> None:
        """Append one frame, RGB or RGBA. Raises `MediaError`."""
        try:
            data = encode_image(frame, ".png")
            (self._partial / f"{self._count:05}.png").write_bytes(data)
        except OSError as e:
            raise MediaError(f"{self.path} cannot be written: {e.strerror}") from e
        self._count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _finish(self) -> None:
        if not self._count:
            raise MediaError(f"{self.path} was not written: there is no frame to write")
        try:
            if self.path.exists():
                self.path.rmdir()
            self._partial.rename(self.path)
        except OSError as e:
            raise MediaError(f"{self.path} cannot be written: {e.strerror}") from e
