"""`audioplane prepare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from audioplane.cli.arguments import Kind, VideoArgument
from audioplane.cli.console import console, progress_reports
from audioplane.speech.kinds import DEFAULT_KIND


@dataclass(frozen=True)
class Prepare:
    """Prepare a subject from a video of somebody talking. Continues where it was interrupted."""

    STOPPED: ClassVar[str] = "stopped; the same command continues"

    video: VideoArgument
    """The video: one person, speaking, any format."""
    out: Path
    """Folder of the subject."""
    size: int = 512
    """Height and width of the frames, pixels."""
    speech: Kind = DEFAULT_KIND
    """Kind of speech features; deepspeech, wav2vec2 and hubert need the extra 'speech' and a model
    file, see --speech-model. 'audioplane speech' adds other kinds later."""
    speech_model: Path | None = None
    """The file or folder of that kind's network; looked up if not given."""
    face_landmarker: Path | None = None
    """MediaPipe's face_landmarker.task; looked up or downloaded if not given."""
    segmenter: Path | None = None
    """MediaPipe's selfie_multiclass_256x256.tflite, which also finds hair and clothes; without it
    the person is cut out by selfie_segmentation.tflite, looked up or downloaded."""
    focal: float | None = None
    """Focal length, pixels of the subject's frames; searched for if not given."""
    sound_late: float | None = None
    """Milliseconds by which the sound comes after the image, below zero if before it; it is moved
    by as much. If not given it is estimated, and moved if it is more than 100; 0 moves nothing."""
    audio_track: int | None = None
    """Number of the video's sound track, from 1; the one with speech if not given."""
    consent: str = ""
    """Who agreed to the making of this head, and to what; goes into every video of it."""
    force: bool = False
    """Start again in a folder that holds another preparation, and continue with a clip that
    preflight refuses."""

    def run(self) -> None:
        from audioplane.prepare import PrepareOptions, prepare_subject

        options = PrepareOptions(
            size=self.size,
            speech=(self.speech,),
            speech_model=self.speech_model,
            face_landmarker=self.face_landmarker,
            segmenter=self.segmenter,
            focal=self.focal,
            sound_late=None if self.sound_late is None else self.sound_late / 1000,
            audio_track=self.audio_track,
            consent=self.consent,
            force=self.force,
        )
        with progress_reports(self) as show:
            info = prepare_subject(self.video, self.out, options, show)
        usable = info.n_frames - len(info.flags)
        console.print(f"{self.out}: {usable} of {info.n_frames} frames can be used")
