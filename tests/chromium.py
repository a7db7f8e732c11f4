"""Chromium for tests of pages, and pages whose own errors fail the test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium"),
]
"""Marks of a module."""
_RECORDING = """async () => {
  const parts = [], options = { mimeType: "video/webm;codecs=vp8", videoBitsPerSecond: 8e6 };
  const recorder = new MediaRecorder(CANVAS.captureStream(25), options);
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((done) => (recorder.onstop = done));
  recorder.start();
  await new Promise((done) => setTimeout(done, 8400));
  recorder.stop();
  await stopped;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
}"""
PHONE, DESKTOP = {"width": 360, "height": 740}, {"width": 1280, "height": 800}


@contextmanager
def chromium(*options: str) -> Iterator[Any]:
    """A browser whose microphone is made up."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", *options]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


def record(page: Any, canvas: str, path: Path) -> None:
    """Record 8.4 s of a page's canvas, an expression of JavaScript, as a WebM file."""
    path.write_bytes(bytes(page.evaluate(_RECORDING.replace("CANVAS", canvas))))


class Visits:
    """Pages that are open, and what went wrong in them."""

    def __init__(self, browser: Any):
        self._browser, self._pages, self.errors = browser, [], []

    def page(self, **context: Any) -> Any:
        """A new page in a context of its own; its exceptions are kept."""
        page = self._browser.new_context(**context).new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        self._pages.append(page)
        return page

    def end(self) -> None:
        """Close all; the test fails where a page's code failed."""
        for page in self._pages:
            page.context.close()
        assert self.errors == []
