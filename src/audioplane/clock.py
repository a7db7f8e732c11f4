"""The clock of everything: sound at 16 kHz, images at 25 a second, 640 samples a frame."""

SAMPLE_RATE = 16_000
"""Samples a second of the sound that speech features are computed of."""
FPS = 25
"""Frames a second of subjects and of everything that is driven."""
FRAME_SAMPLES = SAMPLE_RATE // FPS
"""Samples that sound while one frame is shown: 640, 40 ms."""
