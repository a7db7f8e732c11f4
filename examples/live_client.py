"""Speak a WAV file (16 kHz, mono, 16 bit) through a served head and keep its images.

pip install websockets; python live_client.py speech.wav HEAD images [ws://localhost:8000] [TOKEN]
"""

import json
import struct
import sys
import wave
from pathlib import Path

from websockets.sync.client import connect

speech, head, folder, *rest = sys.argv[1:]
address, token = (*rest, *("ws://localhost:8000", "")[len(rest) :])
with wave.open(speech) as file:
    if file.getparams()[:3] != (1, 2, 16000):  # channels, bytes and rate
        sys.exit(f"{speech} is not 16 kHz, mono, 16 bit: convert it")
    pcm = file.readframes(file.getnframes())
frames = len(pcm) // 1280
Path(folder).mkdir(exist_ok=True)

authorization = {"Authorization": f"Bearer {token}"}
with connect(f"{address}/api/live?head={head}", additional_headers=authorization) as session:
    print(json.loads(session.recv()))
    index = sent = 0
    while index < frames:
        while sent < min(len(pcm), (index + 125) * 1280):  # 5 s ahead of what comes back
            session.send(pcm[sent : sent + 6400])
            sent += 6400
        message = session.recv()
        if isinstance(message, str):
            print(message)  # latency and rate, once a second
            continue
        kind, index, age = struct.unpack_from("<BII", message)
        if kind == 2:
            Path(folder, f"{index:06d}.jpg").write_bytes(message[9:])
