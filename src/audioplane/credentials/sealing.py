"""What a video or stream of a run's head is to say of itself, from options and files."""

from pathlib import Path

from audioplane.assets import sha256_of
from audioplane.credentials.options import ProvenanceOptions
from audioplane.credentials.provenance import Provenance, state, who_agreed
from audioplane.errors import CredentialsError
from audioplane.train import RunPaths, TrainedHead


def state_provenance(
    options: ProvenanceOptions,
    run: Path,
    trained: TrainedHead,
    speech_sha256: str,
    out: Path | None = None,
) -> Provenance:
    """What a video of this head that speaks this will say; consent is remembered in the run.

    Raises `CredentialsError` if nobody consented, or keys cannot be read or made.
    """
    paths = RunPaths(run)
    consent = _consent(options.consent, paths, trained.consent)
    return state(sha256_of(paths.head), consent, speech_sha256, options, out)


def _consent(stated: str, paths: RunPaths, of_head: str) -> str:
    """Who agreed: what the head says, or else what is stated now or was once for its run."""
    try:
        if of_head:
            return who_agreed(stated, of_head)
        if stated:
            paths.consent.write_text(stated + "\n")
        elif paths.consent.exists():
            stated = paths.consent.read_text().strip()
    except OSError as e:
        raise CredentialsError(f"{paths.consent} cannot be used ({e.strerror})") from e
    return who_agreed(stated, "")
