"""The talker: frames of a trained head from its footage and any speech.

talker = Talker.open("runs/me")
talker.write("speech.wav", "me.mp4")          # a video file, marked and signed
for image in talker.speak("speech.wav"): ...  # frames as numpy arrays, one at a time
stream = talker.stream()                      # speech that is still being spoken
for image in stream.push(waveform): ...
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from audioplane.assets import sha256_of
from audioplane.clock import FPS, SAMPLE_RATE
from audioplane.credentials import Provenance, ProvenanceOptions, state
from audioplane.credentials.provenance import who_agreed
from audioplane.drive.animator import Animator, DrivenFrame
from audioplane.drive.backdrop import TRANSPARENT, BackdropFootage, read_backdrop
from audioplane.drive.motion import GraphMotion
from audioplane.drive.opening import Articulation
from audioplane.drive.output import SOUND_RATE, check_drive_output, open_drive_output
from audioplane.drive.rest import eased_codes
from audioplane.drive.stream import LiveHead, StreamFrame
from audioplane.drive.upper_face import AS_RECORDED, FaceOptions, upper_face
from audioplane.errors import CredentialsError, SpeechError
from audioplane.media.audio import audio_blocks
from audioplane.media.tracks import choose_track
from audioplane.progress import Counter, Report, ignore
from audioplane.run import Run, RunPaths, open_run
from audioplane.speech import (
    Speech,
    can_compute,
    checked_features,
    compute_features,
    feature_chunks,
    feature_kind,
    load_external_features,
)
from audioplane.speech.activity import missing_recogniser, speech_shares
from audioplane.speech.familiarity import sound_warnings
from audioplane.splat.device import choose_device

MOST_ARTICULATE = 4.0
LOOK_AHEAD = 0.24
"""Seconds of speech after a frame that a stream waits for (docs/live.md)."""

MARKED_AND_SIGNED = ProvenanceOptions()
Spoken = Path | str | np.ndarray | Speech
"""A sound or video file, a `.npy` file of speech features, a waveform [n] at 16 kHz, or features
[T, W, F], or a `Speech`."""


@dataclass(frozen=True)
class WrittenVideo:
    """What `Talker.write` made."""

    path: Path
    n_frames: int
    warnings: tuple[str, ...]
    """For people: what the lips may not follow, what signs the video."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.n_frames / FPS


@dataclass(frozen=True)
class _Heard:
    """What a head speaks."""

    count: int
    """Of its frames."""
    codes: Iterable[Float[Tensor, " k"]]
    spoken: Iterable[bool] = ()
    """Whether there is speech in each; where it ends, there is."""


class Talker:
    """A trained head with its footage, ready to speak. `Talker.open` makes it."""

    def __init__(  # noqa: PLR0913 - one keyword a question that a caller may have
        self,
        run: Run,
        device: torch.device | str = "cpu",
        articulation: float = 1.0,
        speech_model: Path | None = None,
        provenance: ProvenanceOptions = MARKED_AND_SIGNED,
        poses: Path | str | None = None,
        face: FaceOptions = AS_RECORDED,
        seed: int = 0,
        background: Path | str | None = None,
    ):
        """As `Talker.open`, of a run that is open; its head stays as it is."""
        if not 0 <= articulation <= MOST_ARTICULATE:
            raise SpeechError(
                f"articulation={articulation:g}: choose between 0 and {MOST_ARTICULATE:g}"
            )
        if seed < 0:
            raise SpeechError(f"seed={seed}: choose 0 or more")
        self.run = run = run.for_driving(device)
        """The run that it was made of, with a head of its own."""
        self.notes: tuple[str, ...] = ()
        """For people: which of the poses asked for were eased back, or why it moves to and fro."""
        footage, motion = run.footage, None
        if poses is not None:
            from audioplane.drive.posed_footage import pose_footage  # imports scipy, 30 MB

            footage, self.notes = pose_footage(run, poses)
        elif run.motion is not None:
            motion = partial(GraphMotion, run.motion, seed)
        else:
            self.notes = (_to_and_fro(run),)
        background = None if background is None else str(background)
        if background not in (None, TRANSPARENT):
            footage = BackdropFootage(footage, read_backdrop(background, footage.size))
        self.animator = Animator(
            run.head,
            footage,
            run.views,
            run.bodies,
            Articulation(articulation, run.opening),
            upper_face(run, face),
            motion,
            transparent=background == TRANSPARENT,
        )
        self._model, self._options = speech_model, provenance
        # Lips that do not move (articulation 0) do not come to rest either.
        self.rest = run.rest if articulation else None
        """The code of the mouth at rest; None where it does not come to rest in pauses."""
        if self.rest is not None and (missing := missing_recogniser()):
            self.rest, self.notes = None, (*self.notes, f"no rest in pauses: {missing}")

    @classmethod
    def open(  # noqa: PLR0913 - one keyword a question that a caller may have
        cls,
        path: Path | str,
        *,
        subject: Path | str | None = None,
        device: str = "auto",
        articulation: float = 1.0,
        speech_model: Path | None = None,
        provenance: ProvenanceOptions = MARKED_AND_SIGNED,
        poses: Path | str | None = None,
        face: FaceOptions = AS_RECORDED,
        seed: int = 0,
        background: Path | str | None = None,
    ) -> "Talker":
        """Open a trained head so that it can speak.

        Args:
            path: The folder that `train` wrote, or a pack.
            subject: The subject's folder, if it is not where it was when the head was trained; a
                pack needs none.
            device: "cpu", "cuda", or "auto": an NVIDIA GPU where there is one and gsplat.
            articulation: How far the lips move, 0 to 4, as a multiple of what the head learned. An
                unfamiliar voice can make a head mumble; 1.5 opens the mouth further.
            speech_model: File or folder of the network behind the head's feature kind, if it
                needs one; looked up if not given.
            provenance: What videos and frames state of their making: mark, credentials, consent.
            poses: How the head moves, if not as recorded: a table of poses (docs/poses.md), or the
                folder of a subject whose poses it takes; for heads with a modelled torso. Played
                forwards and backwards.
            face: What brows, lids and eyes do: as recorded, at rest, or by a file; and whether the
                eyes stay on the viewer.
            seed: Of the choice among the recorded stretches that it moves by (docs/motion.md).
            background: What is shown behind it, instead of the recorded background: an image file,
                a colour ("#rrggbb" or a name), or "transparent" (docs/backgrounds.md).

        Raises:
            CheckpointError: There is no trained head, or it is damaged.
            SubjectError: The subject is missing, or is another one.
            SpeechError: `articulation` or `seed` is out of range.
            ExpressionError: The file of `face` cannot be read, or the head knows blinks alone.
            PoseError: `poses` cannot be read, or the head shows its recorded torso.
            MediaError: `background` is no image, no colour and not "transparent".
            DeviceError: The device cannot be used here.
        """
        chosen = choose_device(device).device
        run = open_run(path, subject).for_driving(chosen)  # lets the planes go first
        return cls(
            run, chosen, articulation, speech_model, provenance, poses, face, seed, background
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, pixels."""
        return self.animator.size

    def features(self, speech: Speech) -> Float[np.ndarray, "t w f"]:
        """Speech features of the head's kind.

        Raises `SpeechError` for a kind that cannot be computed here.
        """
        return compute_features(speech, self._computable(), self._model)

    def _computable(self) -> str:
        """The head's feature kind. Raises `SpeechError` where it cannot be computed here."""
        kind = self.run.speech
        if not can_compute(kind):
            raise SpeechError(
                f"this head was trained on features '{kind}' that cannot be computed here: bring "
                "the speech as a .npy file of them"
            )
        return kind

    def codes(self, speech: Speech) -> Float[Tensor, "t k"]:
        """The codes of the frames of a speech, of any voice.

        Raises as `features` does.
        """
        shares = self._shares(speech)
        codes = self.animator.codes(self.features(speech), speech.spoken_frames())
        return torch.stack(list(self._at_rest(codes, shares)))

    def _shares(self, speech: Speech) -> Iterator[float] | None:
        """`speech_shares` where it comes to rest; to be asked for before the features are read, so
        that both share one recognition."""
        return None if self.rest is None else speech_shares(speech)

    def _at_rest(
        self, codes: Iterable[Float[Tensor, " k"]], shares: Iterator[float] | None
    ) -> Iterable[Float[Tensor, " k"]]:
        """The codes, at rest where nobody speaks."""
        if self.rest is None or shares is None:
            return codes
        return eased_codes(codes, shares, self.rest)

    def strangeness(self, speech: Speech) -> float | None:
        """`Familiarity.strangeness`; None, too, for heads whose training speech is not known."""
        known = self.run.familiarity
        return known.strangeness(speech) if known else None

    def warnings(self, speech: Speech, name: str = "the sound") -> tuple[str, ...]:
        """Reasons why the lips may not follow a speech, sentences that call it `name`."""
        return tuple(sound_warnings(speech, self.run.familiarity, name))

    def provenance(self, speech: Path | str = "", out: Path | None = None) -> Provenance:
        """What a video or stream of this head states of its making.

        Args:
            speech: The file that it speaks, or the SHA-256 of what it speaks; "" for a stream.
            out: The video to be written, whose container may hold no credentials.

        Raises `CredentialsError` where nobody consented, or keys cannot be read or made.
        """
        run, options = self.run, self._options
        consent = who_agreed(options.consent, run.consent)
        if not run.consent and not run.packed:
            _remember(consent, RunPaths(run.path).consent)
        digest = sha256_of(speech) if isinstance(speech, Path) else speech
        return state(run.sha256, consent, digest, options, out)

    def speak(self, speech: Spoken) -> Iterator[UInt8[np.ndarray, "h w c"]]:
        """Frames of the head as it speaks, 25 a second, marked.

        Args:
            speech: A sound or video file of any length, format and voice; a `.npy` file of
                features of the head's kind; a waveform [n] at 16 kHz in about [−1, 1]; features
                [T, W, F]; or a `Speech`.

        Yields:
            RGB images, head over torso over background, one for each 40 ms; RGBA before a
            transparent one, the colours not multiplied by alpha.

        Raises:
            MediaError: The file cannot be read.
            SpeechError: The features cannot be computed, or waveform or features are of another
                shape or type, or not finite.
            CredentialsError: Nobody consented to the making of this head.
        """
        stated = self.provenance()
        for frame in self._frames(self._heard(speech), stated):
            yield frame.pixels

    def _heard(self, speech: Spoken) -> "_Heard":
        if isinstance(speech, Path | str):
            path = Path(speech)
            if path.suffix == ".npy":
                return self._told(load_external_features(path))
            speech = Speech.read(path)
        if isinstance(speech, np.ndarray) and speech.ndim == 3:
            return self._told(checked_features(speech, "the array of features"))
        return self._described(speech if isinstance(speech, Speech) else Speech(speech))

    def _told(self, features: Float[np.ndarray, "t w f"]) -> "_Heard":
        given, wanted = features.shape[1], _window(self.run.speech)
        if wanted not in (None, given):
            raise SpeechError(
                f"the speech features have windows of {given} steps, '{self.run.speech}' has "
                f"{wanted}: bring features of the kind that this head was trained on"
            )
        return _Heard(len(features), self.animator.codes(features))

    def _described(self, speech: Speech) -> "_Heard":
        shares = self._shares(speech)
        chunks = feature_chunks(speech, self._computable(), self._model)
        spoken = speech.spoken_frames()
        codes = self._at_rest(self.animator.code_chunks(chunks, spoken), shares)
        return _Heard(speech.frames, codes, spoken.tolist())

    def _frames(self, heard: "_Heard", stated: Provenance) -> Iterator[DrivenFrame]:
        marker = stated.marker(*self.size)
        for _, frame in self.animator.speak(heard.codes, marker, heard.spoken):
            yield frame

    def stream(self, look_ahead: float | None = LOOK_AHEAD) -> "TalkerStream":
        """Drive the head by speech that is still being spoken, in constant memory.

        Args:
            look_ahead: Seconds of speech after a frame that are waited for before it is drawn;
                fewer lower the latency, more make the lips more accurate. None waits for all
                that the features use.

        Raises `SpeechError` for a feature kind that cannot be streamed or a look-ahead below 0,
        `CredentialsError` where nobody consented.
        """
        if look_ahead is not None and not 0 <= look_ahead < float("inf"):
            raise SpeechError(f"look_ahead={look_ahead:g}: give seconds, or None to wait for all")
        samples = None if look_ahead is None else round(look_ahead * SAMPLE_RATE)
        live = LiveHead(self.animator, self.run.speech, self.run.voice, samples, self.rest)
        return TalkerStream(live, self.provenance(), self.size)

    def write(
        self,
        speech: Path | str,
        out: Path | str,
        *,
        crf: int = 18,
        audio_track: int | None = None,
        report: Report = ignore,
    ) -> WrittenVideo:
        """Write a video of the head as it speaks, marked and signed.

        Args:
            speech: A sound or video file, or a `.npy` file of features, which makes a silent video.
            out: The video file, .mp4, .mov, .mkv or .webm; its folders are made. Before a
                transparent background .webm, or a name without suffix: a folder of PNG images.
            crf: Quality, 0 (lossless) to 51 (worst; webm: 63).
            audio_track: Number of the sound track that speaks, from 1; found if not given.
            report: Called after every frame.

        Raises:
            MediaError: A file cannot be read or written; nothing is left behind.
            SpeechError, CredentialsError: As `speak`.
        """
        speech, out = Path(speech), Path(out)
        check_drive_output(out, speech, crf, self.animator.transparent)
        stated = self.provenance(speech, out)
        sound, warnings = None, stated.notes + self.notes
        if speech.suffix == ".npy":
            heard = self._heard(speech)
        else:
            warnings += choose_track(speech, audio_track).notes
            sound = audio_blocks(speech, SOUND_RATE, audio_track=audio_track)
            described = Speech.read(speech, audio_track)
            heard = self._heard(described)
            warnings += self.warnings(described, speech.name)
        transparent = self.animator.transparent
        with open_drive_output(out, self.size, sound, crf, stated.seal, transparent) as video:
            step = Counter(report, "drive", heard.count)
            for frame in self._frames(heard, stated):
                video.write(frame.pixels)
                step()
        return WrittenVideo(out, heard.count, warnings)


class TalkerStream:
    """Sound in, marked frames out. `Talker.stream` makes it."""

    def __init__(self, live: LiveHead, stated: Provenance, size: tuple[int, int]):
        self._live, self._marker = live, stated.marker(*size)

    @property
    def look_ahead(self) -> float:
        """Seconds of sound after a frame that are waited for."""
        return self._live.look_ahead / SAMPLE_RATE

    def push(self, waveform: Float[np.ndarray, " n"]) -> Iterator[UInt8[np.ndarray, "h w c"]]:
        """The frames that can be rendered now, for sound at 16 kHz of any length in [−1, 1].

        The sound is taken at once; each frame is drawn when it is asked for, and may be left out.

        Raises `SpeechError` for samples that are not finite, and once the stream is finished.
        """
        return self._drawn(self._live.push(np.asarray(waveform)))

    def finish(self) -> Iterator[UInt8[np.ndarray, "h w c"]]:
        """The frames up to the end of what was pushed; nothing can be pushed after."""
        return self._drawn(self._live.finish())

    def _drawn(self, frames: Iterable[StreamFrame]) -> Iterator[UInt8[np.ndarray, "h w c"]]:
        return (self._live.draw(frame, self._marker) for frame in frames)


def _window(kind: str) -> int | None:
    """Steps in the windows of a feature kind; None for one that is not known here."""
    try:
        return feature_kind(kind).window
    except SpeechError:
        return None


def _to_and_fro(run: Run) -> str:
    """Why the motion of a run's head goes back again and again."""
    if run.packed:
        why = "it holds no motion graph: pack the run again, or record more"
    else:
        seconds = len(run.footage.refs) / FPS
        why = f"in {seconds:.0f} s of recording too few moments resemble others to go on with them"
    return f"{run.path} moves to and fro: {why}"


def _remember(consent: str, note: Path) -> None:
    """Save a stated consent beside a head that has none."""
    try:
        note.write_text(consent + "\n")
    except OSError as e:
        raise CredentialsError(f"{note} cannot be written ({e.strerror})") from e
