"""A soak of the live server: clients in real time, for as long as asked.

    python -m tests.serve.soak RUN --clients 4 --minutes 10

Starts `audioplane serve`, speaks synthetic sentences to it, and prints once a minute: memory of all
server processes (without the torsos in their shared file), frames/s, the 95th percentile of the
ages of images, and the medians of how far images came after their sound, and sound after the clock:
what these change by is drift. The first minutes warm up.
"""

import argparse
import json
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from websockets.sync.client import connect

from audioplane.clock import FPS, FRAME_SAMPLES, SAMPLE_RATE
from audioplane.serve.session import pcm_of
from audioplane.serve.sockets import IMAGE, SOUND
from audioplane.synthetic import make_synthetic_sentence

_HEADER = struct.Struct("<BII")


@dataclass
class Minute:
    """What a client saw in one minute."""

    ages: list[float] = field(default_factory=list)
    """Of the images, ms."""
    after_sound: list[float] = field(default_factory=list)
    """Seconds from the arrival of a frame's sound to that of its image."""
    after_clock: list[float] = field(default_factory=list)
    """Seconds by which a frame's sound came after 25 a second since the first."""


class Client(threading.Thread):
    """One client, with a minute's record for each minute."""

    def __init__(self, port: int, asked: str, seconds: float, pcm: bytes):
        """`asked`: the query of its session."""
        super().__init__(daemon=True)
        self._address = f"ws://127.0.0.1:{port}/api/live?{asked}"
        self._seconds, self._pcm = seconds, pcm
        self.minutes: list[Minute] = []
        self.failed: Exception | None = None

    def run(self) -> None:
        try:
            self._talk()
        except Exception as e:  # noqa: BLE001 - whatever it is, `soak` raises it
            self.failed = e

    def _talk(self) -> None:
        piece = 2 * FRAME_SAMPLES
        with connect(self._address, max_size=None) as line:
            began, sent, heard = time.monotonic(), 0, dict[int, float]()
            first = None
            while (now := time.monotonic()) - began < self._seconds:
                while sent < (now - began) * 2 * SAMPLE_RATE:
                    at = sent % (len(self._pcm) - piece)
                    line.send(self._pcm[at : at + piece])
                    sent += piece
                try:
                    message = line.recv(timeout=0.02)
                except TimeoutError:
                    continue
                if isinstance(message, str):
                    continue
                kind, index, age = _HEADER.unpack_from(message)
                now = time.monotonic()
                minute = self._minute(now - began)
                if kind != IMAGE:
                    first = first or (index, now)
                    heard[index] = now
                    heard.pop(index - 60 * FPS, None)
                    minute.after_clock.append(now - first[1] - (index - first[0]) / FPS)
                if kind != SOUND:  # or both, where clients draw
                    minute.ages.append(age)
                    minute.after_sound.append(now - heard.pop(index, now))

    def _minute(self, seconds: float) -> Minute:
        while len(self.minutes) <= seconds // 60:
            self.minutes.append(Minute())
        return self.minutes[-1]


def memory(pid: int) -> float:
    """Memory of a process and its descendants that no file backs, MB (Linux)."""
    total = 0.0
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total = int(re.findall(r"^Pss_Anon:\s+(\d+)", file.read(), re.M)[0]) / 1024
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            total += sum(memory(int(child)) for child in file.read().split())
    except (OSError, IndexError):
        pass
    return total


def _row(clients: list[Client], at: int) -> dict[str, float]:
    """The clients' minute `at`, the worst of them."""
    seen = [c.minutes[at] for c in clients if len(c.minutes) > at and c.minutes[at].ages]
    if not seen:
        return {}
    return {
        "fps": min(len(m.ages) / 60 for m in seen),
        "p95_ms": max(statistics.quantiles(m.ages, n=20)[-1] for m in seen),
        "image_after_sound_ms": max(1000 * statistics.median(m.after_sound) for m in seen),
        "sound_after_clock_ms": max(1000 * statistics.median(m.after_clock) for m in seen),
    }


def soak(  # noqa: PLR0913 - as the command
    run: str,
    name: str,
    clients: int,
    minutes: float,
    workers: int = 0,
    draw: str = "server",
    consent: str | None = None,
) -> list[dict]:
    """One row a minute; `memory_mb` at its end. The first is the warm-up.

    With `draw` "client" what a client would draw from counts as its image: nobody draws.

    Raises what a client fails with: a server that refuses it, or hangs up.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "audioplane", "serve", run, "--port", str(port)]
    command += ["--clients", str(clients), "--workers", str(workers), "--draw", draw]
    command += ["--consent", consent] if consent else []
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(120):
            time.sleep(0.5)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/capacity", timeout=1).read()
                break
            except OSError as e:
                if server.poll() is not None:
                    raise RuntimeError("the server ended before it listened") from e
        pcm = b"".join(pcm_of(make_synthetic_sentence(8.0, seed).waveform) for seed in range(4))
        query = f"head={name}&ahead=1&draw={draw}"
        threads = [Client(port, query, 60 * minutes, pcm) for _ in range(clients)]
        for thread in threads:
            thread.start()
        rows: list[dict] = []
        for at in range(int(minutes)):
            while any(t.is_alive() for t in threads):
                if min(len(t.minutes) for t in threads) > at + 1:
                    break
                time.sleep(0.5)
            if failed := next((t.failed for t in threads if t.failed), None):
                raise failed
            row = {"minute": at + 1, "memory_mb": memory(server.pid), "load": os.getloadavg()[0]}
            rows.append(row | _row(threads, at))
            print(json.dumps({k: round(v, 1) for k, v in rows[-1].items()}), flush=True)
        return rows
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--name", help="of the head on the server; that of its folder by default")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10, help="60 at most, as of any session")
    parser.add_argument("--draw", choices=("server", "client"), default="server")
    parser.add_argument("--consent", help="for a head that states none, as of `serve`")
    asked = parser.parse_args()
    name = asked.name or Path(asked.run).name
    soak(asked.run, name, asked.clients, asked.minutes, draw=asked.draw, consent=asked.consent)


if __name__ == "__main__":
    main()
