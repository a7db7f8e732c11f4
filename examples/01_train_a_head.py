"""Train a head on the synthetic subject: python examples/01_train_a_head.py out [iterations]

Any video takes its place: subject = ap.prepare_subject("me.mp4", "subjects/me", consent="me")
"""

import sys
from pathlib import Path

import audioplane as ap

out = Path(sys.argv[1])
iterations = int(sys.argv[2]) if len(sys.argv) > 2 else None

ap.make_synthetic_subject(out / "subject", seconds=6.0, size=96)
subject = ap.load_subject(out / "subject")
print(f"{len(subject.train)} frames to train on, {len(subject.val)} held out")

for event in ap.train_head(subject, out / "run", config="demo", iterations=iterations):
    if type(event).__name__ == "Validated":
        print(f"iteration {event.iteration}: {event.psnr:.2f} dB on validation frames")

pack = ap.pack_run(out / "run", out / "head")
print(f"{pack}: {pack.stat().st_size / 1e6:.1f} MB")
