"""Photo-real talking heads: learnt from a few minutes of video, driven by any speech.

    import audioplane as ap

    subject = ap.prepare_subject("me.mp4", "subjects/me", consent="me")
    for event in ap.train_head(subject, "runs/me"):
        print(event)
    talker = ap.Talker.open("runs/me")
    talker.write("speech.wav", "me-speaks.mp4")
    for image in talker.speak("speech.wav"):  # uint8 [h, w, 3], 25 a second
        ...
    print(ap.evaluate_run("runs/me").reports["tracked"].means["whole"].psnr)

Nothing heavy is imported before it is used. docs/api.md lists every name here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audioplane.api import (
        evaluate_run,
        export_gaussians,
        export_web,
        pack_run,
        prepare_subject,
        train_head,
        train_prior,
        verify_video,
    )
    from audioplane.credentials import ProvenanceOptions, Verification
    from audioplane.drive import FaceOptions, Talker, TalkerStream, WrittenVideo
    from audioplane.errors import AudioplaneError
    from audioplane.evaluate import Evaluation
    from audioplane.fleet import (
        FleetOptions,
        LocalExecutor,
        RayExecutor,
        fleet_status,
        plan_fleet,
        run_fleet,
    )
    from audioplane.fleet.page import fleet_page
    from audioplane.prepare import PrepareOptions
    from audioplane.progress import Progress
    from audioplane.run import Run, open_run
    from audioplane.speech import FeatureKind, Speech
    from audioplane.speech import register as register_feature_kind
    from audioplane.subject import Subject, load_subject
    from audioplane.synthetic import make_synthetic as make_synthetic_subject
    from audioplane.train import PRESETS, PriorConfig, TrainConfig, TrainEvent
    from audioplane.web import WebExport

__version__ = "0.2.0.dev0"

_HOMES = {
    "AudioplaneError": "errors",
    "Evaluation": "evaluate",
    "FaceOptions": "drive",
    "FeatureKind": "speech",
    "FleetOptions": "fleet",
    "LocalExecutor": "fleet",
    "PRESETS": "train",
    "PrepareOptions": "prepare",
    "PriorConfig": "train",
    "Progress": "progress",
    "ProvenanceOptions": "credentials",
    "RayExecutor": "fleet",
    "Run": "run",
    "Speech": "speech",
    "Subject": "subject",
    "Talker": "drive",
    "TalkerStream": "drive",
    "TrainConfig": "train",
    "TrainEvent": "train",
    "Verification": "credentials",
    "WebExport": "web",
    "WrittenVideo": "drive",
    "evaluate_run": "api",
    "export_gaussians": "api",
    "export_web": "api",
    "fleet_page": "fleet.page",
    "fleet_status": "fleet",
    "load_subject": "subject",
    "make_synthetic_subject": "synthetic:make_synthetic",
    "open_run": "run",
    "pack_run": "api",
    "plan_fleet": "fleet",
    "prepare_subject": "api",
    "register_feature_kind": "speech:register",
    "run_fleet": "fleet",
    "train_head": "api",
    "train_prior": "api",
    "verify_video": "api",
}
"""Module of every public name, and its name there where that is another."""

__all__ = [
    "PRESETS",
    "AudioplaneError",
    "Evaluation",
    "FaceOptions",
    "FeatureKind",
    "FleetOptions",
    "LocalExecutor",
    "PrepareOptions",
    "PriorConfig",
    "Progress",
    "ProvenanceOptions",
    "RayExecutor",
    "Run",
    "Speech",
    "Subject",
    "Talker",
    "TalkerStream",
    "TrainConfig",
    "TrainEvent",
    "Verification",
    "WebExport",
    "WrittenVideo",
    "__version__",
    "evaluate_run",
    "export_gaussians",
    "export_web",
    "fleet_page",
    "fleet_status",
    "load_subject",
    "make_synthetic_subject",
    "open_run",
    "pack_run",
    "plan_fleet",
    "prepare_subject",
    "register_feature_kind",
    "run_fleet",
    "train_head",
    "train_prior",
    "verify_video",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'audioplane' has no attribute '{name}'")
    module, _, renamed = _HOMES[name].partition(":")
    value = getattr(import_module(f"audioplane.{module}"), renamed or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
