"""The exported folder in a real browser, on a static server under a strict policy."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from audioplane.cli import main
from audioplane.clock import ping_pong
from audioplane.drive.moment import Moment
from audioplane.drive.stream import LiveHead
from audioplane.mark import read_mark
from audioplane.media.audio import write_wav
from audioplane.media.image import decode_image
from audioplane.speech import Speech, compute_features
from audioplane.web.head_bin import read_head_bin
from tests.chromium import DESKTOP, PHONE, needs_chromium, record
from tests.media.images import decoded_chunks
from tests.web.conftest import KEY
from tests.web.pages import ELEMENT, ENGINE, asked, serving, until

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = needs_chromium


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a.astype(float) - b) ** 2) / 255**2 + 1e-12))


DRAWN = """
delete head.arrays.rest;
const codes = encoder.codes(features.describe(samples)), all = [];
for (const t of PICKED) {
  const pose = engine.recorded(t % 38 < 20 ? t % 38 : 38 - (t % 38));
  const pixels = (COMPOSED)(codes[t], pose);
  all.push([...pixels]);
}
return all;
"""


def assert_pythons_images(
    page, exported, voice, count: int, composed: str, before: str = ""
) -> None:
    """That `count` frames of a speech look as Python's. `composed`: a function in JavaScript of
    code and pose, which gives pixels; `before`: what has to be run before it."""
    animator, speech = exported.talker.animator, Speech(voice)
    codes = animator.codes(compute_features(speech, "mel"), speech.spoken_frames())
    picked = list(range(0, len(codes), len(codes) // count))
    script = before + DRAWN.replace("PICKED", str(picked)).replace("COMPOSED", composed)
    made = asked(page, script, voice, (len(picked), 160, 160, 4))
    for image, t in zip(made, picked, strict=True):
        ref = animator.footage.loop[ping_pong(t, 20)]
        expected = animator.draw(codes[t], ref, animator.footage.plate(ref)).image
        assert psnr(image[..., :3], expected) > 45
    assert (made[..., 3] == 255).all()


def test_the_same_sound_gives_pythons_features(visit, exported, voice):
    windows = asked(visit(), "return features.describe(samples).windows.map(w => [...w]);", voice)
    assert np.abs(windows - compute_features(Speech(voice), "mel").ravel()).max() < 1e-3


@pytest.fixture(params=["exported", "exported_detail"])
def plain_or_detailed(request):
    """A head without a detail map, and one with a strong one."""
    return request.getfixturevalue(request.param)


def test_the_kernels_draw_pythons_images(visit, plain_or_detailed, voice):
    composed = """(code, pose) => {
      engine.compose(code, pose);
      return engine.bytes("out", 4 * 160 * 160);
    }"""
    with serving(plain_or_detailed.made.path) as address:
        page = visit(address=address)
        assert_pythons_images(page, plain_or_detailed, voice, 10, composed)


def test_every_pose_has_its_own_recorded_torso(visit, exported_torso):
    script = """
    const { Torsos } = await import("/torsos.js"), all = [];
    const torsos = new Torsos(await (await fetch("/torso.bin")).arrayBuffer(), head.facts.torso);
    for (const t of [0, 7, 19, 30, 6, 38, 1]) {
      await torsos.lay(engine, t);
      engine.compose(new Float32Array(192), engine.recorded(engine.row(t)));
      all.push([...new Uint8Array(engine.wasm.memory.buffer, engine.at.out, 4 * 64 * 64)]);
    }
    return all;
    """
    animator, times = exported_torso.talker.animator, (0, 7, 19, 30, 6, 38, 1)
    decoded = plates(exported_torso.made.path)
    assert len(decoded) == 38  # the way back has images of its own
    with serving(exported_torso.made.path) as address:
        made = asked(visit(address=address), script, shape=(7, 64, 64, 4))
    for image, t in zip(made, times, strict=True):
        ref, plate = animator.footage.loop[ping_pong(t, 20)], decoded[t % 38]
        assert psnr(plate, animator.footage.plate(ref)) > 35
        assert psnr(image[..., :3], animator.draw(torch.zeros(192), ref, plate).image) > 45


def test_a_torso_that_cannot_be_decoded_leaves_the_one_before_and_the_next_comes(
    visit, exported_torso
):
    script = """
    const { Torsos } = await import("/torsos.js"), facts = head.facts.torso, shown = [];
    const file = new Uint8Array(await (await fetch("/torso.bin")).arrayBuffer());
    const start = facts.sizes.slice(0, 5).reduce((a, b) => a + b, 0);
    file.fill(0, start, start + facts.sizes[5]);
    const torsos = new Torsos(file.buffer, facts), setPlate = engine.setPlate.bind(engine);
    engine.setPlate = (...plate) => { shown.push(shown.told); setPlate(...plate); };
    for (const t of [3, 5, 1, 2]) {
      shown.told = t;
      await torsos.lay(engine, t).catch(() => shown.push(-1));
    }
    return shown;
    """
    with serving(exported_torso.made.path) as address:
        assert asked(visit(address=address), script).tolist() == [3, -1, 1, 2]


def test_a_browser_that_decodes_no_torsos_shows_one_moment(visit, exported_torso):
    script = """
    const { decodes } = await import("/torsos.js");
    const before = await decodes(head.facts.torso);
    delete globalThis.VideoDecoder;
    engine.still = !(await decodes(head.facts.torso));
    return [before, engine.still, engine.row(7)].map(Number);
    """
    with serving(exported_torso.made.path) as address:
        page = visit(address=address)
        assert asked(page, script).tolist() == [1, 1, 0]
        assert page.evaluate(f"{ELEMENT}.statistics.still") is False


def test_it_moves_along_its_path_and_eases_through_jumps(visit, exported_path):
    script = """
    const rows = [0, 1, 2, 3, 4, 402].map((t) => engine.row(t));
    engine.compose(new Float32Array(192), engine.recorded(1));
    return [...rows, ...engine.bytes("out", 4 * 160 * 160)];
    """
    animator = exported_path.talker.animator
    with serving(exported_path.made.path) as address:
        made = asked(visit(address=address), script)
    assert made[:6].tolist() == [0, 1, 2, 1, 0, 2]
    _, b, c = animator.footage.loop[:3]
    moment = Moment(b, c, 0.4, 0.3)
    expected = animator.draw_moment(torch.zeros(192), moment, animator.plate(moment)).image
    assert psnr(made[6:].reshape(160, 160, 4)[..., :3], expected) > 45


def plates(folder) -> list[np.ndarray]:
    """The plates in an exported folder."""
    facts = read_head_bin(folder / "head.bin")[0]["torso"]
    background = decode_image((folder / "background.webp").read_bytes(), 3)
    file, ends = (folder / "torso.bin").read_bytes(), np.cumsum(facts["sizes"])
    chunks = [file[end - size : end] for size, end in zip(facts["sizes"], ends, strict=True)]
    height, width, top, left = (facts[name] for name in ("height", "width", "top", "left"))
    found = []
    for part in decoded_chunks(chunks):
        whole = background.copy()
        whole[top : top + height, left : left + width] = part[:height, :width]
        found.append(whole)
    return found


@pytest.mark.parametrize("most", [None, 0.24, 0.05])
def test_sound_in_pieces_gives_pythons_codes(visit, exported, voice, most):
    script = """
    delete head.arrays.rest;
    const live = new Live(features, encoder, MOST), codes = [];
    for (let at = 0; at < samples.length; at += 441)
      codes.push(...live.push(samples.slice(at, at + 441)));
    return codes.map(c => [...c]);
    """
    found = asked(visit(), script.replace("MOST", "Infinity" if most is None else f"{most}"), voice)
    ahead = None if most is None else round(16000 * most)
    live = LiveHead(exported.talker.animator, "mel", exported.run.voice, ahead)
    expected = np.stack([frame.code.numpy() for frame in live.push(voice)])
    assert found.size == expected.size
    assert np.abs(found - expected.ravel()).max() < 0.01


def test_a_mouth_comes_to_rest_where_nobody_speaks(visit, exported, voice):
    script = """
    const live = new Live(features, encoder), codes = live.push(samples);
    codes.push(...live.push(new Float32Array(32000)));
    return [encoder.rest(features.silence()), codes[20], codes.at(-1)].map(c => [...c]);
    """
    rest, spoken, silent = asked(visit(), script, voice, (3, -1))
    assert exported.run.rest is not None
    assert np.allclose(rest, exported.run.rest.numpy(), atol=1e-6)
    assert np.array_equal(silent, rest) and not np.allclose(spoken, rest, atol=1e-2)


def test_memory_stays_as_it_is(visit):
    script = """
    const code = new Float32Array(192), sizes = [];
    for (let t = 0; t < 900; t++) {
      engine.draw(code.fill(Math.sin(t)), engine.recorded(t % 20), t);
      if (t % 300 === 299) sizes.push(engine.wasm.memory.buffer.byteLength);
    }
    const live = new Live(features, encoder), piece = new Float32Array(640).map(Math.sin);
    for (let t = 0; t < 600; t++) live.push(piece);
    return [...sizes, live.features.steps[0].length, live.vectors.length, live.sound.length];
    """
    *sizes, steps, vectors, sound = asked(visit(), script)
    assert sizes[1] == sizes[2] < 64e6
    assert steps <= 16 and vectors <= 8 and sound < 16000


def test_the_mark_of_its_frames_is_read_with_the_exporters_key(visit, exported):
    script = """
    const all = [], code = new Float32Array(192);
    for (let t = 0; t < 100; t++) {
      const made = engine.draw(code, engine.recorded(t % 20), t);
      all.push(btoa(String.fromCharCode(...made.filter((_, i) => i % 4 === 1))));
    }
    return all;
    """
    page = visit()
    encoded = page.evaluate(f"async (given) => {{ {ENGINE} {script} }}", [])
    green = [np.frombuffer(base64.b64decode(x), np.uint8).reshape(160, 160) for x in encoded]
    reading = read_mark([np.dstack([g, g, g]) for g in green], bytes.fromhex(KEY))
    assert reading is not None and reading.payload is not None
    assert f"{reading.payload.session:08x}" == exported.made.session
    assert reading.payload.head == int(exported.run.sha256[:8], 16)


def test_a_recording_of_the_canvas_passes_verify(visit, exported, mark_key, tmp_path, capsys):
    path = tmp_path / "recorded.webm"
    record(visit(), f"{ELEMENT}.canvas", path)
    capsys.readouterr()
    assert main(["verify", str(path), "--json", "--mark-key", str(mark_key)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["made_with_audioplane"] and found["problems"] == []
    assert found["mark"]["payload"]["session"] == exported.made.session


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_page_speaks_a_file_and_says_what_it_is(visit, voice, tmp_path, size):
    write_wav(tmp_path / "voice.wav", voice)
    page = visit(size)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "AI-generated" in page.inner_text("main")
    assert page.locator("audioplane-head").get_by_text("AI-generated").is_visible()
    assert "the synthetic subject" in page.inner_text("#consent")
    page.set_input_files("#file", str(tmp_path / "voice.wav"))
    until(page, "document.getElementById('status').textContent === 'Speaking'")
    before = page.evaluate(f"{ELEMENT}.statistics.frames")
    until(page, "document.getElementById('status').textContent === 'Ready'")
    assert page.evaluate(f"{ELEMENT}.statistics.frames") - before > 15


def test_the_microphone_drives_it_until_stopped(visit):
    page = visit()
    page.click("#listen")
    until(page, "document.getElementById('status').textContent.startsWith('Listening')")
    page.wait_for_timeout(1500)
    page.click("#stop")
    until(page, "document.getElementById('status').textContent === 'Ready'")


def test_a_browser_that_lets_no_sound_begin_is_told_of(visit):
    script = """async () => {
      globalThis.AudioContext = class extends AudioContext { // as before the first click
        get state() { return "suspended"; }
        resume() { return new Promise(() => {}); }
      };
      return HEAD.speak(new Float32Array(8000)).catch(({ name }) => name);
    }"""
    assert visit().evaluate(script.replace("HEAD", ELEMENT)) == "NotAllowedError"


def test_speech_in_pieces_is_heard_through_the_stream_of_the_documents(visit, voice):
    text = (Path(__file__).parents[2] / "docs" / "browser.md").read_text("utf-8")
    (recipe,) = (b for b in re.findall(r"```js\n(.*?)```", text, re.S) if "function say" in b)
    script = """async (given) => {
      const head = HEAD, heard = [], post = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (message, ...rest) {
        if (message.type === "push") heard.push(...message.samples);
        return post.call(this, message, ...rest);
      };
      RECIPE
      for (let i = 0; i < given.length; i += 4000)
        say(Float32Array.from(given.slice(i, i + 4000)), 16000);
      await new Promise((done) => setTimeout(done, given.length / 16 + 500));
      head.stop();
      return heard;
    }""".replace("RECIPE", recipe)
    heard = np.array(visit().evaluate(script.replace("HEAD", ELEMENT), voice.tolist()))
    agreement = np.correlate(heard, voice, "full").max()
    assert agreement > 0.9 * np.linalg.norm(heard) * np.linalg.norm(voice)


def test_every_speech_ends_and_only_one_is_heard(visit, voice):
    script = """async (given) => {
      const head = HEAD, samples = Float32Array.from(given), short = samples.slice(0, 8000);
      const ended = [];
      let heard = 0;
      document.addEventListener("speaking", () => heard++);
      const told = (name, promise) =>
        promise.then(() => ended.push(name), (error) => ended.push(`${name}: ${error.name}`));
      await told("empty", head.speak(new Float32Array(0)));
      await told("no rate", head.speak(short, 1));
      head.addEventListener("idle", () => told("queued", head.speak(short)), { once: true });
      const first = told("first", head.speak(samples));
      await new Promise((speaking) => head.addEventListener("speaking", speaking, { once: true }));
      await told("second", head.speak(short));
      await first;
      const saying = told("said", head.say("", async () => ({ samples, rate: 16000 })));
      head.stop();
      await saying;
      const late = document.createElement("audioplane-head");
      late.setAttribute("src", "/");
      document.body.append(late);
      await told("no head yet", late.listen(new MediaStream()));
      await told("before it is ready", late.speak(short));
      let closed = 0;
      const close = AudioContext.prototype.close;
      AudioContext.prototype.close = function () { closed++; return close.call(this); };
      late.remove();
      await told("removed", late.speak(short));
      globalThis.requestAnimationFrame = () => 0; // as where the page is hidden
      await told("hidden", head.speak(short));
      return [heard, closed, ...ended];
    }"""
    heard, closed, *ended = visit().evaluate(script.replace("HEAD", ELEMENT), voice.tolist())
    assert (heard, closed) == (4, 1)
    assert ended == [
        "empty",
        "no rate: NotSupportedError",
        "first",
        "queued",
        "second",
        "said",
        "no head yet: InvalidStateError",
        "before it is ready",
        "removed: InvalidStateError",
        "hidden",
    ]


def test_phones_of_an_hour_fit_on_the_stack(visit):
    script = """
    const { Peaks } = await import("/ipa.js"), few = { data: new Float32Array(3) };
    const peaks = new Peaks({ "ipa.smoothing": few, "ipa.centres": few });
    peaks.columns = () => Array(180000).fill(peaks.none);
    peaks.smoothed = () => [];
    peaks.push();
    return [peaks.peaks.length];
    """
    assert asked(visit(), script) > 180000


def test_a_text_without_a_voice_says_why_not(visit):
    page = visit()
    said = page.evaluate(f"{ELEMENT}.say('hello').catch(e => e.name + ': ' + e.message)")
    assert said.startswith("NotSupportedError: browsers do not give")


def test_a_gpu_is_asked_for_while_the_kernels_draw_and_then_draws_alone(visit):
    script = """
    const made = [];
    globalThis.Worker = class {
      sent = [];
      constructor() { made.push(this); }
      postMessage({ type }) { this.sent.push(type); }
      terminate() { this.ended = true; }
    };
    const { Painters } = await import("/painters.js");
    let begun = 0;
    const painters = new Painters({}, { ready: () => begun++, frame() {}, error() {} });
    const [first] = made, tell = (worker, data) => worker.onmessage({ data });
    tell(first, { type: "draws", milliseconds: 50, by: "wasm" });
    const asking = made.find(({ sent }) => sent[0] === "gpu"), before = first.sent.join();
    tell(asking, { type: "gpu", is: true });
    const after = first.sent.join();
    tell(first, { type: "compared", milliseconds: 3, by: "webgl" });
    const left = made.filter(({ ended }) => !ended);
    return [begun, before === "draw", after === "draw,compare", painters.by === "webgl",
      painters.milliseconds, painters.ready, left.length, left[0] === first].map(Number);
    """
    assert asked(visit(), script).tolist() == [1, 1, 1, 1, 3, 1, 1, 1]


GPU = """
const { WebGL } = await import("/webgl.js");
const webgl = WebGL.of(engine, true);
"""


def test_a_gpu_draws_pythons_images_too(visit, plain_or_detailed, voice):
    """In Chromium's software GL."""
    composed = "(...frame) => { webgl.compose(...frame); return webgl.pixels(webgl.image); }"
    with serving(plain_or_detailed.made.path) as address:
        page = visit(address=address)
        assert_pythons_images(page, plain_or_detailed, voice, 4, composed, GPU)


def test_a_gpu_marks_as_the_kernels_do(visit):
    script = """
    const code = new Float32Array(192), all = [];
    for (const t of [0, 7, 30]) {
      const pose = engine.recorded(t % 20);
      all.push([...engine.draw(code, pose, t)]);
      webgl.compose(code, pose);
      all.push([...webgl.pixels(webgl.image)]);
      webgl.draw(code, pose, t);
      all.push([...webgl.pixels()]);
    }
    return all;
    """
    made = asked(visit(), GPU + script, shape=(3, 3, 160, 160, 4))[..., :3].astype(int)
    for kernels, before, marked in zip(made[:, 0], made[:, 1], made[:, 2, ::-1], strict=True):
        assert 1 < np.std(marked - before) < 3
        assert np.mean(np.abs(marked - kernels) > 1) < 0.001
