"""`audioplane export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audioplane.cli.arguments import RunArgument
from audioplane.cli.console import console, in_flags, progress_reports
from audioplane.errors import MediaError


@dataclass(frozen=True)
class Export:
    """Export a trained head: as a page that draws it in any browser, or as Gaussians for other
    programs."""

    STOPPED: ClassVar[str] = "stopped; run it again for the files that are missing"

    run_folder: RunArgument
    """Folder of a training run, or a pack."""
    web: Path | None = None
    """Folder for a page: put it on any static server. Whoever opens the page has the head."""
    ply: Path | None = None
    """File for the Gaussians in the fields of 3D Gaussian splatting."""
    gltf: Path | None = None
    """File (.glb) for the Gaussians in glTF with KHR_gaussian_splatting."""
    says: Path | None = None
    """Sound file that the head speaks in --ply and --gltf, a file for each frame; at rest if not
    given."""
    frame: int | None = None
    """The one frame of that speech to write, from 0."""
    speech: tuple[Path, ...] = ()
    """For --web, sound files with more speech, in the subject's language, for a head whose
    features the page does not compute (all but mel and ipa): it is taught to hear mel bands."""
    consent: str = ""
    """Who agreed to the making of this head, and to what; needed if it has none."""
    mark_key: Path | None = None
    """For --web, key of the mark's payload, 64 hex digits; this installation's (or
    $AUDIOPLANE_MARK_KEY) if not given."""
    subject: Path | None = None
    """The subject, if its folder has moved since the training."""

    def run(self) -> None:
        from audioplane.media.container import require_file
        from audioplane.run import open_run

        if not (self.web or self.ply or self.gltf):
            raise MediaError("nothing to write: pass web=…, ply=… or gltf=…")
        if self.speech and not self.web:
            raise MediaError("speech=… is for web=…: pass says=… for what ply=… and gltf=… speak")
        if (self.says or self.frame is not None) and not (self.ply or self.gltf):
            raise MediaError("says=… and frame=… are for ply=… and gltf=…: pass one of them")
        for sound in (*self.speech, *([self.says] if self.says else [])):
            require_file(sound)
        files = [
            _named(path, suffix)
            for path, suffix in ((self.ply, ".ply"), (self.gltf, ".glb"))
            if path is not None
        ]
        run = open_run(self.run_folder, self.subject)
        for path in files:
            self._write_gaussians(run, path)
        if self.web is not None:
            self._write_page(run, self.web)

    def _write_gaussians(self, run, path: Path) -> None:
        from audioplane.export import export_gaussians

        with progress_reports(self) as report:
            files = export_gaussians(run, path, self.says, self.frame, self.consent, report)
        console.print(f"{files[0]}" if len(files) == 1 else f"{files[0]} … {files[-1]}")

    def _write_page(self, run, folder: Path) -> None:
        from audioplane.credentials import ProvenanceOptions
        from audioplane.web import export_web

        options = ProvenanceOptions(self.consent, mark_key=self.mark_key)
        with progress_reports(self) as report:
            made = export_web(run, folder, options, self.speech, report)
        for note in made.notes:
            console.print(in_flags(note, self), style="yellow")
        console.print(f"{made.path}: {made.bytes / 1e6:.1f} MB, session {made.session} of the mark")


def _named(path: Path, suffix: str) -> Path:
    """A file's name with the suffix of its format. Raises `MediaError` for a folder's."""
    if not path.name.strip("."):
        raise MediaError(f"{path} is a folder: name a file in it")
    if path.suffix.lower() in (".ply", ".glb", ".gltf"):
        return path.with_suffix(suffix)
    return path.with_name(path.name + suffix)
