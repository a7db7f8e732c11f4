"""The modules of the page without a browser."""

from importlib import resources

from tests.web.node import needs_node, run_beside

pytestmark = needs_node
PAGE = resources.files("audioplane.web") / "page"
BROWSER = """
import assert from "node:assert";
const none = () => {};
globalThis.HTMLElement = class {
  attachShadow = () => ({ append: none });
  isConnected = true;
  hasAttribute = () => true;
  getAttribute = () => null;
  dispatchEvent = ({ type }) => this.told?.(type);
};
globalThis.CustomEvent ??= class { constructor(type) { this.type = type; } };
globalThis.CSSStyleSheet = class { replaceSync = none; };
const workers = [], sent = [];
globalThis.Worker = class {
  constructor() { workers.push(this); }
  postMessage = (message) => sent.push(message);
  terminate = none;
};
globalThis.customElements = { define: none, get: none };
globalThis.cancelAnimationFrame = none;
let step;
globalThis.requestAnimationFrame = (next) => (step = next);
const element = () => ({ getContext: () => ({ drawImage: none }), setAttribute: none });
globalThis.document = { createElement: element, baseURI: "https://heads.example/" };
globalThis.AudioContext = class {
  state = "running";
  sampleRate = 16000;
  audioWorklet = { addModule: async () => {} };
  createMediaStreamSource = () => ({ connect: none, disconnect: none });
  createBuffer = () => ({ copyToChannel: none });
  close = none;
};
let microphone;
globalThis.AudioWorkletNode = class {
  constructor(_, __, options) { microphone = Object.assign(this, options); }
  port = { postMessage: none };
};
const open = new Set();
let allow;
const getUserMedia = () => new Promise((given) => (allow = () => {
  const track = { stop: () => open.delete(track), addEventListener: (_, end) => (track.end = end) };
  open.add(track);
  given({ getTracks: () => [track], getAudioTracks: () => [track] });
}));
const value = { mediaDevices: { getUserMedia } };
Object.defineProperty(globalThis, "navigator", { value, configurable: true });
const { AudioplaneHead } = await import("./audioplane-head.js");
const head = new AudioplaneHead();
head.connectedCallback();
const [hearing, painter] = workers;
hearing.onmessage({ data: { type: "hears", facts: { hears: ["mel"] }, silence: [0] } });
"""


def test_a_microphone_that_is_allowed_after_stop_is_let_go(tmp_path):
    script = """
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
    run_beside(PAGE, tmp_path, BROWSER + script)


CLOCK = """
let now = 0, sound = 0;
Object.defineProperty(globalThis, "performance", { value: { now: () => now } });
const answer = (data) => painter.onmessage({ data });
const tick = () => {
  for (let before = -1; before !== sent.length; ) {
    before = sent.length;
    step();
    const { type, index } = sent.at(-1);
    const image = { close: none };
    if (type === "frame") answer({ type: "frame", index, milliseconds: 1, image });
  }
};
answer({ type: "draws", milliseconds: 1, by: "wasm" });
"""


def test_the_head_goes_on_while_a_microphone_is_waited_for(tmp_path):
    script = """
    for (; now < 400; now += 40) tick();
    const begun = head.listen();
    allow();
    await begun;
    const shown = [];
    for (let n = 0; n < 50; n++, now += 40) {
      if (n >= 10) microphone.port.onmessage({ data: new Float32Array(640) });
      tick();
      shown.push(head.statistics.frames);
    }
    for (let n = 1; n < 50; n++) assert.ok(shown[n] > shown[n - 1], `${n}: ${shown}`);
    """
    run_beside(PAGE, tmp_path, BROWSER + CLOCK + script)


def test_known_speech_is_drawn_further_ahead_and_what_is_stopped_speaks_no_more(tmp_path):
    script = """
    class Audio extends AudioContext {
      get currentTime() { return sound; }
      createBufferSource = () => ({ connect: none, start: none, stop: none });
    }
    globalThis.AudioContext = Audio;
    const asked = () => sent.filter(({ type }) => type === "frame");
    tick();
    assert.equal(asked().at(-1).index, 3); // three ahead
    const ended = head.speak(new Float32Array(32000));
    await new Promise(setImmediate);
    const { id } = sent.at(-1);
    const codes = Array.from({ length: 50 }, () => [1]);
    hearing.onmessage({ data: { type: "codes", id, codes } });
    sound = 0.56; // .41 s after the first of its frames, 4: now 14 is due
    now = 560;
    tick();
    assert.deepEqual([asked().at(-1).index, asked().at(-1).code], [22, [1]]);
    head.stop();
    await ended;
    now += 240; // 21 is due
    tick();
    const last = new Map(asked().map(({ index, code }) => [index, code]));
    for (let index = 21; index <= 24; index++) assert.deepEqual(last.get(index), [0]);
    """
    run_beside(PAGE, tmp_path, BROWSER + CLOCK + script)


def test_a_speech_ends_where_nothing_hears_it_any_more(tmp_path):
    script = """
    const begun = head.speak(new Float32Array(8000));
    await new Promise(setImmediate);
    hearing.onerror({}); // as where a file cannot be loaded
    await assert.rejects(begun, { message: "worker.js could not be loaded" });
    await assert.rejects(head.speak(new Float32Array(8000)), { message: /could not be loaded/ });
    await assert.rejects(head.listen(), { message: /could not be loaded/ });
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_a_head_that_was_taken_away_opens_no_microphone(tmp_path):
    script = """
    const begun = head.listen();
    allow();
    await begun;
    allow = () => assert.fail("asked again");
    let again;
    head.told = (type) => type === "idle" && (again = head.listen());
    head.disconnectedCallback();
    assert.equal(open.size, 0);
    await assert.rejects(again, { name: "InvalidStateError" });
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_a_microphone_that_cannot_be_followed_is_let_go(tmp_path):
    script = """
    globalThis.AudioWorkletNode = class { constructor() { throw new Error("no node"); } };
    const begun = head.listen();
    allow();
    await assert.rejects(begun, { message: "no node" });
    assert.equal(open.size, 0);
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_all_channels_of_a_microphone_are_heard_until_it_ends(tmp_path):
    script = """
    const begun = head.listen(), told = [];
    allow();
    await begun;
    assert.deepEqual([microphone.channelCount, microphone.channelCountMode], [1, "explicit"]);
    head.told = (type) => told.push(type);
    const [track] = open;
    track.end();
    assert.deepEqual(told, ["idle"]);
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_the_mouth_rests_while_nothing_comes_from_a_microphone(tmp_path):
    script = """
    let now = 1000;
    performance.now = () => now;
    painter.onmessage({ data: { type: "draws", milliseconds: 1 } });
    const begun = head.listen();
    allow();
    await begun;
    const { id } = sent.at(-1);
    const heard = (code) => hearing.onmessage({ data: { type: "code", id, code } });
    const shown = (at) => {
      now = at, painter.busy = false;
      step();
      return sent.at(-1).code[0];
    };
    microphone.port.onmessage({ data: new Float32Array(320) });
    heard([7]);
    assert.deepEqual([shown(1400), shown(1600)], [7, 0]);
    heard([8]);
    assert.equal(shown(1700), 8);
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_a_page_without_a_microphone_says_why(tmp_path):
    script = """
    delete value.mediaDevices;
    await assert.rejects(head.listen(), { name: "NotAllowedError", message: /over HTTPS/ });
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_the_folder_of_a_head_may_be_named_without_its_slash_and_taken_away(tmp_path):
    script = """
    head.getAttribute = () => "heads/me";
    sent.length = 0;
    head.attributeChangedCallback("src", "", "heads/me");
    assert(sent.every(({ src }) => src === "https://heads.example/heads/me/"));
    assert.equal(sent.length, 2);
    head.attributeChangedCallback("src", "heads/me", null);
    assert.equal(sent.length, 2);
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_of_two_exports_on_a_page_the_first_one_shows_both(tmp_path):
    script = """
    customElements.get = () => AudioplaneHead;
    customElements.define = () => assert.fail("defined again");
    await import("./audioplane-head.js?another");
    """
    run_beside(PAGE, tmp_path, BROWSER + script)


def test_a_frame_that_fails_is_not_the_last_one_and_all_painters_keep_still(tmp_path):
    script = """
    import assert from "node:assert";
    const workers = [], errors = [];
    globalThis.Worker = class {
      sent = [];
      constructor() { workers.push(this); }
      postMessage({ type }) { this.sent.push(type); }
    };
    Object.defineProperty(globalThis, "navigator", { value: { hardwareConcurrency: 3 } });
    const { Painters } = await import("./painters.js");
    const on = { ready() {}, frame() {}, error: ({ message }) => errors.push(message) };
    const painters = new Painters({ by: "wasm" }, on);
    const told = (worker, data) => worker.onmessage({ data });
    told(workers[0], { type: "draws", milliseconds: 40 });
    told(workers[1], { type: "draws", milliseconds: 40 });
    painters.free({ index: 0 }), painters.free({ index: 1 });
    assert.equal(painters.free, undefined);
    told(workers[0], { type: "error", message: "no frame" });
    painters.free({ index: 2 });
    assert.deepEqual(workers[0].sent, ["draw", "frame", "frame"]);
    told(workers[0], { type: "still" });
    assert(painters.still && workers.every(({ sent }) => sent.at(-1) === "still"));
    new Painters({ by: "wasm" }, on);
    told(workers[2], { type: "error", message: "no head" });
    assert(workers[2].busy);
    assert.deepEqual(errors, ["no frame", "no head"]);
    """
    run_beside(PAGE, tmp_path, script)


def test_a_long_voice_is_told_by_its_first_three_minutes_as_in_python(tmp_path):
    script = """
    import assert from "node:assert";
    import { Encoder } from "./encoder.js";
    const seen = [0, 0], frames = 200 * 25;
    class Counting extends Encoder {
      *vectors(windows) { return windows; }
      norm = () => ({ update: () => seen[0]++, normalised: (vector) => vector });
      gain = () => ({ update: () => seen[1]++, applied: (code) => code });
      code = (vector) => vector;
    }
    const encoder = new Counting({ facts: { scales: [] }, arrays: {} }), each = Array(frames);
    const codes = encoder.codes({ windows: each.fill([0]), spoken: each.fill(true), shares: each });
    assert.deepEqual([codes.length, ...seen], [frames, 4500, 4500]);
    """
    run_beside(PAGE, tmp_path, script)


def test_resampling_weighs_each_phase_once_and_keeps_a_tone(tmp_path):
    script = """
    import assert from "node:assert";
    import { Resampler } from "./resample.js";
    const resampler = new Resampler(44100), { taps } = resampler;
    let weighed = 0;
    resampler.taps = (part) => (weighed++, taps.call(resampler, part));
    const tone = (i, rate) => Math.sin((6000 * i) / rate);
    const made = resampler.push(Float32Array.from({ length: 44100 }, (_, i) => tone(i, 44100)));
    assert.equal(weighed, 160);
    for (let i = resampler.radius; i < made.length; i++)
      assert(Math.abs(made[i] - tone(i, 16000)) < 1e-3);
    """
    run_beside(PAGE, tmp_path, script)


def test_a_damaged_file_is_named(exported, tmp_path):
    script = """
    import assert from "node:assert";
    import { readFileSync } from "node:fs";
    import { readHead } from "./head_bin.js";
    const { buffer } = Uint8Array.from(readFileSync(new URL("head.bin", import.meta.url)));
    await readHead(buffer);
    for (const end of [20, 2000, buffer.byteLength - 100])
      await assert.rejects(readHead(buffer.slice(0, end), "recogniser.bin"), {
        message: "recogniser.bin is damaged or cut short",
      });
    """
    run_beside(exported.made.path, tmp_path, script)


def test_a_gpu_that_compiles_no_shader_is_none(tmp_path):
    script = """
    import assert from "node:assert";
    import { WebGL } from "./webgl.js";
    const get = (_, name) => (name === "getProgramParameter" ? () => false : () => ({}));
    globalThis.OffscreenCanvas = class { getContext = () => new Proxy({}, { get }); };
    assert.equal(WebGL.of({ size: { width: 64, height: 64 }, count: 3 }), undefined);
    """
    run_beside(PAGE, tmp_path, script)


def test_a_page_that_cannot_run_says_why():
    page = (PAGE / "index.html").read_text()
    assert "opened from disk" in page and "<noscript>" in page


WORKER = """
import assert from "node:assert";
import { readFileSync } from "node:fs";
const bytes = (name) => readFileSync(new URL(name, import.meta.url));
globalThis.fetch = async (name) => new Response(bytes(name));
globalThis.createImageBitmap = async () => ({ width: 160, height: 160, close() {} });
globalThis.OffscreenCanvas = class {
  getContext = () => ({ drawImage() {}, getImageData: () => ({ data: new Uint8Array(16384) }) });
};
let next;
const told = [];
globalThis.onmessage = null;
globalThis.postMessage = (message) => (told.push(message), next?.());
await import("./worker.js");
const tell = (data) => onmessage({ data });
const until = async (type) => {
  while (!told.some((message) => message.type === type))
    await new Promise((come) => (next = come));
  return told.find((message) => message.type === type);
};
"""


def test_the_hearing_of_a_long_speech_ends_when_it_is_stopped_or_replaced(exported, tmp_path):
    script = """
    await tell({ type: "hear", src: "./" });
    const samples = Float32Array.from({ length: 16000 * 30 }, (_, i) => Math.sin(i * i));
    const short = { type: "speech", id: 2, samples: samples.slice(0, 8000), rate: 16000 };
    for (const instead of [{ type: "stop" }, short]) {
      const heard = tell({ type: "speech", id: 1, samples, rate: 16000 });
      await new Promise(setImmediate);
      tell(instead);
      await heard;
    }
    assert.equal((await until("codes")).id, 2);
    assert(told.every(({ type, id }) => type === "hears" || (type === "codes" && id === 2)));
    """
    run_beside(exported.made.path, tmp_path, WORKER + script)


def test_where_the_gpu_fails_the_kernels_draw_the_frame(exported, tmp_path):
    script = """
    const { WebGL } = await import("./webgl.js");
    let drawn = 0;
    const draw = () => assert(++drawn <= 5); // those that are measured
    WebGL.of = () => ({ pixels() {}, draw });
    await tell({ type: "draw", src: "./", by: "webgl" });
    assert.equal((await until("draws")).by, "webgl");
    await tell({ type: "frame", index: 0, code: new Float32Array(192) });
    assert.equal((await until("frame")).buffer.byteLength, 102400);
    """
    run_beside(exported.made.path, tmp_path, WORKER + script)


def test_where_no_torso_can_be_decoded_it_is_told_once_and_one_moment_is_shown(
    exported_torso, tmp_path
):
    script = """
    globalThis.EncodedVideoChunk = class {};
    globalThis.VideoDecoder = class {
      static isConfigSupported = async () => ({ supported: true });
      state = "configured";
      constructor({ error }) { this.fail = () => error(new Error("damaged")); }
      configure() {}
      decode() { queueMicrotask(this.fail); }
    };
    await tell({ type: "draw", src: "./", by: "wasm" });
    for (let index = 0; index < 30; index++)
      await tell({ type: "frame", index, code: new Float32Array(192) });
    const counts = {};
    for (const { type } of told) counts[type] = (counts[type] ?? 0) + 1;
    assert.deepEqual(counts, { draws: 1, error: 1, frame: 30, still: 1 });
    await tell({ type: "still" });
    """
    run_beside(exported_torso.made.path, tmp_path, WORKER + script)
