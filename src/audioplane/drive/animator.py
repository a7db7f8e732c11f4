"""Rendering of a trained head over its own torso and background, frame by frame."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from audioplane.drive.backdrop import over_nothing, unmixed
from audioplane.drive.moment import Moment, between, torso_between
from audioplane.drive.motion import Motion, ToAndFro
from audioplane.drive.opening import Articulation, Voice
from audioplane.drive.renderer import renderer_for
from audioplane.drive.upper_face import UpperFace
from audioplane.errors import SubjectError
from audioplane.head import Gaussians, Head, View
from audioplane.head import Motion as HeadMotion
from audioplane.head.frame_encoder import FrameEncoder
from audioplane.mark import Marker
from audioplane.run import Footage
from audioplane.subject import FrameRef
from audioplane.subject.torso import over


@dataclass(frozen=True)
class DrivenFrame:
    """One finished image."""

    image: UInt8[np.ndarray, "h w 3"]
    """Head over torso over background."""
    dynamic: Float[np.ndarray, "h w"]
    """Dynamic map g (paper, Eq. 8), 0 to 1."""
    alpha: UInt8[np.ndarray, "h w"] | None = None
    """Of the person before a transparent background; `image` is not multiplied by it."""

    @property
    def pixels(self) -> UInt8[np.ndarray, "h w c"]:
        """The image, RGBA where it has an alpha."""
        return self.image if self.alpha is None else np.dstack([self.image, self.alpha])


class Animator:
    """Renders a head, on its own device, at its subject's poses, driven by any speech."""

    def __init__(
        self,
        head: Head,
        footage: Footage,
        views: dict[int, Tensor],
        bodies: dict[int, Tensor] | None = None,
        articulation: Articulation | None = None,
        face: UpperFace | None = None,
        motion: Callable[[], Motion] | None = None,
        transparent: bool = False,
    ):
        """Render the head as it is now; later changes of its weights have no effect.

        Args:
            head: what is rendered.
            footage: the frames that lend pose, expression, torso and background.
            views: refined world→camera matrices by img_id; other frames keep the tracked ones.
            bodies: of a head with a body, its refined views (`View.body`) likewise.
            articulation: how far speech moves the lips; None as far as the head's codes do.
            face: what brows, lids and eyes do while it speaks; None for what was recorded.
            motion: begins the motion of a speech; None plays `footage.loop` to and fro.
            transparent: whether plates and frames have an alpha instead of a background.
        """
        self._articulation = (articulation or Articulation()).to(head.device)
        self._face = face
        self.head, self.footage, self._views = head, footage, dict(views)
        self._bodies = dict(bodies or {})
        self.transparent = transparent
        self.size = footage.size
        """Width and height of its frames, pixels."""
        self.motion = motion or (lambda: ToAndFro(footage.loop))
        """Begins the motion of another speech."""
        self._K = torch.from_numpy(footage.K).float()
        self._renderer = renderer_for(head, *self.size)
        self._seen: tuple[Moment, View] | None = None
        """The moment whose view was made last: a driven frame needs it several times."""

    @torch.no_grad()
    def codes(
        self, features: Float[np.ndarray, "t w f"], spoken: Bool[np.ndarray, " t"] | None = None
    ) -> Float[Tensor, "t k"]:
        """Audio codes of a speech. `spoken` marks the frames in which a voice other than the
        subject's speaks; the codes adapt to it.

        Raises `SubjectError` if the features are of another kind.
        """
        return torch.stack(list(self.code_chunks([features], spoken)))

    @torch.no_grad()
    def code_chunks(
        self,
        chunks: Iterable[Float[np.ndarray, "_ w f"]],
        spoken: Bool[np.ndarray, " t"] | None = None,
    ) -> Iterator[Float[Tensor, " k"]]:
        """As `codes`, one by one, of features that come in chunks: a speech of any length."""
        device, lips = self.head.device, self._articulation
        frames = None if spoken is None else torch.from_numpy(spoken).to(device)
        tensors = (torch.from_numpy(self._checked(chunk)).to(device) for chunk in chunks)
        told = self.head.audio_code_chunks(tensors, frames, lips.factor)
        for codes in lips.gain().chunks(told, frames):
            yield from codes

    def _checked(self, features: Float[np.ndarray, "t w f"]) -> Float[np.ndarray, "t w f"]:
        expected = self.head.shape.feature_dim
        if features.shape[2] != expected:
            raise SubjectError(
                f"the speech features have {features.shape[2]} values a step, this head was "
                f"trained on {expected}: use the kind it was trained with"
            )
        return features

    @property
    def refs(self) -> Sequence[FrameRef]:
        """The frames that the head was trained on, in order."""
        return self.footage.refs

    @torch.no_grad()
    def excerpt_codes(
        self, run: Float[np.ndarray, "u w f"], voice: Voice | None = None, spoken: bool = False
    ) -> Float[Tensor, "t k"]:
        """Audio codes of the frames of a run of features that have 4 before and 3 after them.

        `voice` holds the voice's statistics; these frames update it if they are `spoken`.

        Raises `SubjectError` where not speech but time moves the head.
        """
        self._check_heard()
        voice = voice or self.voice()
        window = torch.from_numpy(run).to(self.head.device)
        codes = self.head.excerpt_codes(window, voice.norm, spoken, self._articulation.factor)
        return self._opened(codes, voice, spoken)

    def voice(self) -> Voice:
        """The statistics of a voice that has not spoken yet."""
        return Voice(self.head.encoder.running_norm(), self._articulation.gain())

    def frame_codes(
        self, voice: Voice
    ) -> Callable[[Float[np.ndarray, "8 w f"], bool], Float[Tensor, " k"]]:
        """As `excerpt_codes`, for one stream: the code of each frame from its windows, and whether
        it is spoken."""
        self._check_heard()
        if self.head.device.type != "cpu":
            return lambda run, spoken: self.excerpt_codes(run, voice, spoken)[0]
        encoder, factor = FrameEncoder(self.head), self._articulation.factor

        def code(run: Float[np.ndarray, "8 w f"], spoken: bool) -> Float[Tensor, " k"]:
            return self._opened(encoder.code(run, voice.norm, spoken, factor), voice, spoken)[0]

        return code

    @staticmethod
    def _opened(codes: Float[Tensor, "t k"], voice: Voice, spoken: bool) -> Float[Tensor, "t k"]:
        if spoken:
            voice.gain.update(codes)
        return voice.gain.applied(codes)

    def _check_heard(self) -> None:
        if self.head.times is not None:
            raise SubjectError("a head with --encoder six-plane follows the time, not speech")

    def view(self, at: FrameRef | Moment) -> View:
        """The camera of one of the subject's frames or of a moment, on the CPU."""
        if isinstance(at, FrameRef):
            return self._view(Moment(at))
        seen = self._seen
        if seen is None or seen[0] is not at:
            seen = self._seen = at, self._view(at)
        return seen[1]

    def _view(self, moment: Moment) -> View:
        body = None if self.head.body is None else self._moved(moment, self._body)
        return View(self._moved(moment, self._camera), self._K, *self.size, body=body)

    @staticmethod
    def _moved(
        moment: Moment, view: Callable[[FrameRef], Float[Tensor, "4 4"]]
    ) -> Float[Tensor, "4 4"]:
        if moment.other is None:
            return view(moment.ref)
        return between(view(moment.ref), view(moment.other), moment.weight)

    def _camera(self, ref: FrameRef) -> Float[Tensor, "4 4"]:
        refined = self._views.get(ref.img_id)
        return torch.from_numpy(ref.viewmat).float() if refined is None else refined

    def _body(self, ref: FrameRef) -> Float[Tensor, "4 4"]:
        refined = self._bodies.get(ref.img_id)
        return torch.from_numpy(self.footage.body(ref)).float() if refined is None else refined

    def plate(self, moment: Moment) -> UInt8[np.ndarray, "h w c"]:
        """What lies behind the Gaussians of a moment; before a transparent background RGBA, its
        colours times its alpha."""
        if moment.other is None and not self.transparent:
            return self.footage.plate(moment.ref)
        torso = self._torso(moment)
        if not self.transparent:
            return (
                self.footage.background if torso is None else over(torso, self.footage.background)
            )
        width, height = self.size
        return np.zeros((height, width, 4), np.uint8) if torso is None else over_nothing(torso)

    def _torso(self, moment: Moment) -> UInt8[np.ndarray, "h w 4"] | None:
        if moment.other is None:
            return self.footage.torso(moment.ref)
        try:
            bodies = self._body(moment.ref), self._body(moment.other)
        except SubjectError:  # of prior work, which does not track it
            bodies = None
        return torso_between(self.footage, moment, bodies)

    def expression(self, moment: Moment, index: int | None = None) -> Float[np.ndarray, " e"]:
        """The numbers of a moment's expression; of frame `index` of a speech, those asked for."""
        numbers = self.footage.expression(moment.ref)
        if moment.other is not None:
            numbers = numbers + moment.fade * (self.footage.expression(moment.other) - numbers)
        if self._face is not None and index is not None:
            numbers = self._face.shown(numbers, index, self.view(moment).viewmat.numpy())
        return np.asarray(numbers)

    @torch.no_grad()
    def _motion(self, code: Float[Tensor, " k"], moment: Moment, index: int | None) -> HeadMotion:
        shown = torch.from_numpy(self.expression(moment, index)).float().to(self.head.device)
        return HeadMotion(code, self.head.expression(shown))

    @torch.no_grad()
    def deformed(
        self, code: Float[Tensor, " k"], at: FrameRef | Moment
    ) -> tuple[Gaussians, Float[Tensor, " n"]]:
        """Gaussians that speak `code` with the recorded expression of a frame or moment, and their
        dynamism.

        Of a head with a body they lie where head and body are one (`head.follow_body`).
        """
        moment = at if isinstance(at, Moment) else Moment(at)
        return self.head.deform(self._motion(code, moment, None))

    def draw(
        self,
        code: Float[Tensor, " k"],
        ref: FrameRef,
        plate: UInt8[np.ndarray, "h w 3"],
        index: int | None = None,
    ) -> DrivenFrame:
        """The head at the pose of `ref`, speaking `code`, before `plate`.

        As frame `index` of a speech it has the expression that was asked for, else that of `ref`.
        """
        return self.draw_moment(code, Moment(ref), plate, index)

    def draw_moment(
        self,
        code: Float[Tensor, " k"],
        moment: Moment,
        plate: UInt8[np.ndarray, "h w c"],
        index: int | None = None,
    ) -> DrivenFrame:
        """As `draw`, of a moment and its `plate`."""
        motion, view = self._motion(code, moment, index), self.view(moment)
        behind = np.ascontiguousarray(plate[..., :3])
        drawn = DrivenFrame(*self._renderer.render(motion, view, behind))
        if plate.shape[2] == 3:
            return drawn
        clear = (1 - self._renderer.coverage) * (1 - plate[..., 3] / 255)
        alpha = (255 * (1 - clear) + 0.5).astype(np.uint8)
        return replace(drawn, image=unmixed(drawn.image, alpha), alpha=alpha)

    def speak(
        self,
        codes: Iterable[Float[Tensor, " k"]],
        marker: Marker | None,
        spoken: Iterable[bool] = (),
    ) -> Iterator[tuple[FrameRef, DrivenFrame]]:
        """One frame for each code, with the recorded frame that it is most of and its own view.

        `marker` marks every frame; None is for measurements, whose images nobody is given. `spoken`
        tells frame by frame whether there is speech, as all do beyond its end. Torso and
        background of the next frame are decoded while this one is rendered.
        """
        motion, speaks = self.motion(), chain(spoken, repeat(True))
        upcoming = motion.step(next(speaks))
        with ThreadPoolExecutor(1, thread_name_prefix="plates") as pool:
            plate = pool.submit(self.plate, upcoming)
            for index, code in enumerate(codes):
                moment, ready = upcoming, plate.result()
                upcoming = motion.step(next(speaks))
                plate = pool.submit(self.plate, upcoming)
                frame = self.draw_moment(code, moment, ready, index)
                if marker is not None:
                    frame = replace(frame, image=marker.mark(frame.image, index))
                yield moment.seen(self.view(moment).viewmat.double().numpy()), frame
