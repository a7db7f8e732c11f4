"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

Kind = Literal["mel", "phones", "mel+phones", "deepspeech", "wav2vec2", "hubert"]
PathArgument = Annotated[Path, tyro.conf.Positional]
Device = Literal["auto", "cpu", "cuda"]
