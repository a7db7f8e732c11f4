"""The element of the page without a browser."""

import shutil
import subprocess
from importlib import resources

import pytest

PAGE = resources.files("audioplane.web") / "page"
BROWSER = """
import assert from "node:assert";
const none = () => {};
globalThis.HTMLElement = class {
  attachShadow = () => ({ append: none });
  hasAttribute = () => true;
  getAttribute = () => null;
  dispatchEvent = none;
};
globalThis.CustomEvent ??= class {};
globalThis.CSSStyleSheet = class { replaceSync = none; };
let hearing;
globalThis.Worker = class {
  constructor() { hearing ??= this; }
  postMessage = none;
  terminate = none;
};
globalThis.customElements = { define: none };
const element = () => ({ getContext: none, setAttribute: none });
globalThis.document = { createElement: element, baseURI: "https://heads.example/" };
globalThis.AudioContext = class {
  state = "running";
  sampleRate = 16000;
  audioWorklet = { addModule: async () => {} };
  createMediaStreamSource = () => ({ connect: none, disconnect: none });
};
globalThis.AudioWorkletNode = class { port = { postMessage: none }; };
const open = new Set();
let allow;
const getUserMedia = () => new Promise((given) => (allow = () => {
  const track = { stop: () => open.delete(track) };
  open.add(track);
  given({ getTracks: () => [track] });
}));
const value = { mediaDevices: { getUserMedia } };
Object.defineProperty(globalThis, "navigator", { value, configurable: true });
const { AudioplaneHead } = await import("./audioplane-head.js");
const head = new AudioplaneHead();
head.connectedCallback();
hearing.onmessage({ data: { type: "hears", facts: { hears: ["mel"] }, silence: [0] } });
"""


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_a_microphone_that_is_allowed_after_stop_is_let_go(tmp_path):
    for file in PAGE.iterdir():
        if file.name.endswith(".js"):
            (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "test.js").write_text(
        BROWSER
        + """
        const late = head.listen(), allowLate = allow;
        head.stop();
        const followed = head.listen();
        allow();
        await followed;
        assert.equal(open.size, 1);
        allowLate();
        await late;
        assert.equal(open.size, 1);
        head.stop();
        assert.equal(open.size, 0);
        """
    )
    subprocess.run(["node", str(tmp_path / "test.js")], check=True, timeout=30)
