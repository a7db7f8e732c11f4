"""Tests of the page without a browser."""

import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from audioplane.serve.sockets import IMAGE, SOUND, header
from tests.web.node import needs_node, run_beside

PAGE = resources.files("audioplane.serve") / "page"


def test_addresses_are_relative_so_that_a_proxy_may_add_a_prefix():
    for file in PAGE.iterdir():
        content = file.read_text()
        assert '"/' not in content.replace('"/>', "") and "`/" not in content, file.name


@pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js")
def test_images_that_wait_are_bounded_and_closed(tmp_path):
    (tmp_path / "images.mjs").write_text((PAGE / "images.js").read_text())
    (tmp_path / "test.mjs").write_text(
        """
        import { WaitingImages } from "./images.mjs";
        import assert from "node:assert";
        const open = new Set();
        const image = (index) => {
          open.add(index);
          return { index, bitmap: { close: () => assert(open.delete(index)) } };
        };
        const waiting = new WaitingImages(50);
        for (let i = 0; i < 1000; i++) waiting.add(image(i)); // nobody draws
        assert.equal(open.size, 50);
        assert.equal(waiting.take(900), undefined);
        const taken = waiting.take(970);
        assert.deepEqual([taken.index, open.size, open.has(970)], [970, 30, true]);
        taken.bitmap.close();
        waiting.clear();
        assert.equal(open.size, 0);
        """
    )
    subprocess.run(["node", str(tmp_path / "test.mjs")], check=True, timeout=30)


OWN_PAGE = """
const played = [], drawn = [], sent = [];
const shown = { getContext: () => ({ drawImage: (image) => drawn.push(image) }) };
globalThis.document = { querySelector: () => shown };
globalThis.WebSocket = class {
  constructor(address) { this.address = address; }
  send = (data) => sent.push(data);
};
globalThis.AudioContext = class {
  currentTime = 5;
  copyToChannel(samples) { played.push(samples); }
  createBuffer = (_, length, rate) => ({ length, rate, copyToChannel: this.copyToChannel });
};
globalThis.AudioBufferSourceNode = class {
  constructor(player, { buffer }) { this.buffer = buffer; }
  connect() {}
  start(at) { played.push(at, this.buffer.length, this.buffer.rate); }
};
globalThis.createImageBitmap = async (blob) => [...new Uint8Array(await blob.arrayBuffer())];
globalThis.setTimeout = (act) => act();
"""


@needs_node
def test_the_page_of_the_documents_plays_what_the_server_sends(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "live.md").read_text("utf-8")
    example = re.findall(r"```js\n(.*?)```", text, re.S)[0]
    hello = {"type": "hello", "width": 64, "height": 48, "fps": 25, "rate": 16000, "delay": 0.2}
    sound = header(SOUND, 50, 0.1) + bytes(1278) + b"\x00\x40"
    script = """
    (async () => {
      const tell = (data) => socket.onmessage({ data });
      await tell(HELLO);
      for (const bytes of [SOUND, IMAGE]) await tell(new Uint8Array(bytes).buffer);
      const assert = require("node:assert"), [samples, ...when] = played;
      assert.equal(socket.address, "ws://localhost:8000/api/live?head=me&token=TOKEN");
      assert.deepEqual([...samples.slice(-2), ...when], [0, 0.5, 5.2, 640, 16000]);
      assert.deepEqual([canvas.width, canvas.height, drawn], [64, 48, [[7, 8, 9]]]);
      speak([0, 1, -2]);
      assert.deepEqual([...sent[0]], [0, 32767, -32767]);
    })();
    """
    for name, value in (
        ("HELLO", repr(json.dumps(hello))),
        ("SOUND", list(sound)),
        ("IMAGE", list(header(IMAGE, 50, 0.1) + bytes([7, 8, 9]))),
    ):
        script = script.replace(name, str(value), 1)
    (tmp_path / "page.cjs").write_text(f"{OWN_PAGE}\n{example}\n{script}")
    subprocess.run(["node", str(tmp_path / "page.cjs")], check=True, timeout=30)


BROWSER = """
import assert from "node:assert";
const none = () => {}, elements = {};
const parts = { getContext: none, setAttribute: none, add: none, value: "me" };
globalThis.window = globalThis;
globalThis.document = { getElementById: (id) => (elements[id] ??= { ...parts }) };
globalThis.location = { hash: "" };
globalThis.addEventListener = globalThis.requestAnimationFrame = globalThis.setInterval = none;
globalThis.Option = class {};
globalThis.AudioContext = class { resume = async () => {}; };
let socket, answer;
globalThis.WebSocket = class {
  constructor() { socket = this; }
  close = none;
};
const known = { heads: ["me"], ways: ["websocket"] };
globalThis.fetch = async ({ href }) => {
  const name = href.split("/").at(-1);
  return name in known ? Response.json(known[name]) : answer();
};
await import("./app.js");
const told = () => [elements.status.textContent, elements.trouble.textContent];
const settled = async () => { for (let i = 0; i < 20; i++) await new Promise(setImmediate); };
const opened = async () => {
  await settled();
  const hello = { type: "hello", session: "s", fps: 25, look_ahead: 0.2, delay: 0.1, rate: 16000 };
  socket.onmessage({ data: JSON.stringify(hello) });
};
const send = async () => {
  elements.file.onchange({ target: { files: [{ name: "a.wav" }] } });
  await settled();
};
await opened();
"""


def run_page(folder, script: str) -> None:
    (folder / "drawing").mkdir()
    (folder / "drawing/painters.js").write_text("export class Painters {}")
    run_beside(PAGE, folder, BROWSER + script)


@needs_node
def test_a_page_whose_server_cannot_be_reached_says_so(tmp_path):
    script = """
    answer = () => { throw new TypeError("fetch failed"); };
    await send();
    assert.deepEqual(told(), ["Nothing is spoken.", "The server cannot be reached."]);
    """
    run_page(tmp_path, script)


@needs_node
def test_a_file_that_another_head_was_chosen_before_is_not_spoken(tmp_path):
    script = """
    let give;
    answer = () => new Promise((given) => (give = given));
    await send();
    elements.head.onchange();
    await opened();
    give(Response.json({ seconds: 1 }));
    await settled();
    assert.match(told()[0], /^Ready/);
    """
    run_page(tmp_path, script)


@needs_node
def test_why_a_clip_does_not_come_is_said_in_words_and_it_can_be_asked_for_again(tmp_path):
    script = """
    answer = () => Response.json({ seconds: 1 });
    await send();
    const last = new DataView(new ArrayBuffer(9));
    last.setUint32(1, 100, true);
    socket.onmessage({ data: last.buffer });
    answer = () => Response.json({ detail: "too long ago" }, { status: 404 });
    await elements.download.onclick();
    assert.deepEqual(told(), ["No clip was downloaded.", "too long ago"]);
    answer = () => { throw new TypeError("fetch failed"); };
    await elements.download.onclick();
    assert.deepEqual(told(), ["No clip was downloaded.", "The server cannot be reached."]);
    assert.equal(elements.download.disabled, false);
    """
    run_page(tmp_path, script)
