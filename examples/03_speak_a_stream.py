"""Drive a head while the speech arrives: python examples/03_speak_a_stream.py RUN speech.wav

The file stands for a microphone or a speech synthesizer: it is pushed in pieces of 20 ms.
"""

import sys
from pathlib import Path

import audioplane as ap
from audioplane.media.audio import audio_blocks

run, speech = sys.argv[1:3]

stream = ap.Talker.open(run).stream(look_ahead=0.24)
count = 0
for piece in audio_blocks(Path(speech), 16_000, block=320):
    for _image in stream.push(piece):  # uint8 [h, w, 3]
        count += 1
count += len(list(stream.finish()))
print(f"{count} frames, {stream.look_ahead * 1000:.0f} ms after the sound that they show")
