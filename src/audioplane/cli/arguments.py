"""Arguments that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from audioplane.speech.kinds import kind_names

if TYPE_CHECKING:
    Kind = str
else:
    Kind = tyro.extras.literal_type_from_choices(kind_names())
PathArgument = Annotated[Path, tyro.conf.Positional]
Device = Literal["auto", "cpu", "cuda"]
