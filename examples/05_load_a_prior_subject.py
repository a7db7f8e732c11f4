"""Load a subject of the AD-NeRF family: python examples/05_load_a_prior_subject.py FOLDER

Folders of AD-NeRF, RAD-NeRF, ER-NeRF, GaussianTalker, TalkingGaussian and SyncTalk open as they
are; docs/prior-work.md says what each holds. So does one that `prepare_subject` made.
"""

import sys

import audioplane as ap

subject = ap.load_subject(sys.argv[1])
first = subject.train[0]
frame = subject.frame(first)
print(f"{len(subject.train)} training and {len(subject.val)} held-out frames")
print(f"image {frame.image.shape}, {frame.head.mean():.0%} of it head")
print(f"landmarks {frame.landmarks.shape}")
print("world to camera of the first frame:")
print(subject.K.round(1), first.viewmat.round(3), sep="\n")
for kind in subject.kinds():
    print(f"speech features '{kind}': {subject.features(kind).shape}")
