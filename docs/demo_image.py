"""Makes docs/demo.webp from the output of `make demo`.

    .venv/bin/python docs/demo_image.py demo docs/demo.webp

Left: recorded frames of the synthetic subject. Right: the head saying sentences that it was not
trained on, for four seconds.
"""

import sys
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from audioplane.media.image import read_image
from audioplane.media.video import read_frames

STEP, COUNT, QUALITY = 1, 100, 88


def main(demo: Path, out: Path) -> None:
    spoken = list(islice(read_frames(demo / "demo.mp4"), 0, STEP * COUNT, STEP))
    recorded = sorted((demo / "subject" / "ori_imgs").glob("*.jpg"), key=lambda p: int(p.stem))
    recorded = recorded[: STEP * COUNT : STEP]
    pairs = [np.hstack([read_image(a), b]) for a, b in zip(recorded, spoken, strict=True)]
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(pair, cv2.COLOR_RGB2BGR) for pair in pairs]
    animation.durations = [40 * STEP] * len(pairs)
    if not cv2.imwriteanimation(str(out), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        sys.exit(f"{out} could not be written")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
