"""Exported folders on a static server with a strict policy, and what their code makes of sounds."""

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
ENGINE = """
const names = ["head_bin", "engine", "encoder", "features", "live", "recogniser"];
const [{ readHead }, { Engine }, { Encoder }, { SpeechFeatures }, { Live }, { Recogniser }] =
  await Promise.all(names.map((name) => import(`/${name}.js`)));
const bytes = async (name) => (await fetch(name)).arrayBuffer();
const head = await readHead(await bytes("/head.bin"));
const image = await createImageBitmap(new Blob([await bytes("/background.webp")]));
const canvas = new OffscreenCanvas(image.width, image.height);
canvas.getContext("2d").drawImage(image, 0, 0);
const plate = canvas.getContext("2d").getImageData(0, 0, image.width, image.height).data;
const module = await WebAssembly.compile(await bytes("/head.wasm"));
const engine = new Engine(head, module);
engine.setPlate(plate);
const encoder = new Encoder(head), features = new SpeechFeatures(head);
const samples = Float32Array.from(given);
if (features.kinds.includes("ipa"))
  features.recogniser = new Recogniser(await readHead(await bytes("/recogniser.bin")), module);
"""
ELEMENT = "document.querySelector('audioplane-head')"
"""The first head of a page."""


class Static(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, format, *args):
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of loopback; its address."""
    handler = functools.partial(Static, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def until(page: Any, condition: str, seconds: float = 30) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way, by `eval`."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def asked(page: Any, script: str, sound: Any = (), shape: Any = None) -> np.ndarray:
    """The numbers that a script gives with the page's modules loaded."""
    given = [float(x) for x in sound]
    return np.array(page.evaluate(f"async (given) => {{ {ENGINE} {script} }}", given)).reshape(
        shape or -1
    )
