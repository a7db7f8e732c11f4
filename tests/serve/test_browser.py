"""The page in a real browser, whose microphone is a file."""

from dataclasses import replace

import av
import numpy as np
import pytest

from audioplane.mark import read_mark
from audioplane.media.audio import write_wav
from audioplane.media.video import read_frames
from audioplane.serve.app import make_app
from audioplane.serve.heads import Heads
from audioplane.serve.limits import Limits
from tests.chromium import PHONE, Visits, chromium, needs_chromium, record
from tests.serve.conftest import KEY, running, serving

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = needs_chromium
ROOMY = replace(Limits(), requests_a_minute=6000.0, clients=4)


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "speech.wav"
    time = np.arange(16000 * 2) / 16000
    tone = np.sin(2 * np.pi * 440 * time) * (0.4 + 0.2 * np.sin(2 * np.pi * 4 * time))
    write_wav(path, tone.astype(np.float32))
    return path


@pytest.fixture(scope="module")
def address(heads):
    with serving(heads, ROOMY) as address:
        yield f"http://{address}/"


@pytest.fixture(scope="module")
def calls_address(heads):
    pytest.importorskip("aiortc", reason="needs the extra serve")
    from aioice.ice import get_host_addresses

    if not get_host_addresses(True, True):
        pytest.skip("needs a network interface besides loopback")
    limits = replace(
        Limits(), requests_a_minute=6000.0, clients=4
    )  # a page that vanishes keeps one
    with serving(heads, limits, webrtc=True) as address:
        yield f"http://{address}/"


@pytest.fixture(scope="module")
def drawing_address(drawn_there):
    """A server whose clients draw."""
    heads = Heads([drawn_there])
    with serving(heads, ROOMY) as address:
        yield f"http://{address}/"
    heads.drawing.shutdown()


@pytest.fixture(scope="module")
def browser(speech):
    with chromium(f"--use-file-for-fake-audio-capture={speech}") as browser:
        yield browser


@pytest.fixture
def visit(browser, address):
    """`visit(microphone, where, script)`: the page, ready, `script` run before its own code.

    It fails the test where the page's code failed.
    """
    visits = Visits(browser)

    def visit(microphone: bool = True, where: str = address, script: str = ""):
        allowed = ["microphone"] if microphone else []
        page = visits.page(viewport=PHONE, accept_downloads=True, permissions=allowed)
        page.add_init_script(script)
        page.goto(where)
        status(page, "Ready")
        return page

    yield visit
    visits.end()


def status(page, text: str) -> None:
    page.wait_for_function(
        "text => document.getElementById('status').textContent.includes(text)", arg=text
    )


def image(page) -> str:
    return page.evaluate("document.getElementById('image').toDataURL()")


def test_the_microphone_drives_the_head_by_keyboard_and_the_clip_comes_down(visit, tmp_path):
    page = visit()
    page.keyboard.press("Space")
    status(page, "Listening")
    assert page.get_attribute("#talk", "aria-pressed") == "true"
    first = image(page)
    page.wait_for_function("() => document.getElementById('latency').textContent.startsWith('p50')")
    page.wait_for_timeout(1500)
    assert image(page) != first
    assert page.evaluate("window.audioplane.drift") <= 0.04
    page.keyboard.press("Space")
    status(page, "Done")
    with page.expect_download() as download:
        page.keyboard.press("d")
    download.value.save_as(tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert np.abs(sound).max() > 0.05  # what the microphone recorded


def test_a_file_is_spoken(visit, speech):
    page = visit()
    page.set_input_files("#file", speech)
    status(page, "Speaking speech.wav, 2.0 s")
    status(page, "Done")
    assert page.is_enabled("#download")


def test_a_file_that_is_no_sound_is_named(visit, tmp_path):
    (tmp_path / "x.wav").write_text("not a sound")
    page = visit()
    page.set_input_files("#file", tmp_path / "x.wav")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "no sound file" in page.inner_text("#trouble")


def test_a_refused_microphone_is_reported(visit):
    page = visit(microphone=False)
    page.click("#talk")
    page.wait_for_selector("#trouble:not([hidden])")
    assert "refused" in page.inner_text("#trouble")


TRACKS = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.allowed = Promise.resolve();
navigator.mediaDevices.getUserMedia = async (asked) => {
  const stream = await ask(asked);
  window.tracks = stream.getTracks();
  await window.allowed;
  return stream;
};
"""
ENDED = "window.tracks?.every(({ readyState }) => readyState === 'ended')"


def test_another_head_ends_the_microphone(visit):
    page = visit(script=TRACKS)
    page.click("#talk")
    status(page, "Listening")
    page.evaluate("document.getElementById('head').onchange()")
    status(page, "Ready")
    assert page.inner_text("#talk") == "Speak" and page.evaluate(ENDED)


def test_an_interruption_of_the_sound_does_not_freeze_the_head(visit):
    page = visit(
        script="""
          const Context = AudioContext;
          window.AudioContext = function (options) {
            const made = new Context(options);
            if (options) window.player = made;
            return made;
          };
        """
    )
    page.wait_for_timeout(2500)  # the clock of the page is ahead of the player's by so much
    page.click("#talk")
    status(page, "Listening")
    for change in ("suspend", "resume"):
        page.evaluate(f"window.player.{change}()")
        page.wait_for_timeout(500)
    before = image(page)
    page.wait_for_timeout(1000)
    assert image(page) != before
    assert page.evaluate("window.audioplane.drift") <= 0.04


def test_a_microphone_that_is_allowed_for_a_session_before_is_not_opened(visit):
    page = visit(script=TRACKS)
    page.evaluate("() => { window.allowed = new Promise((done) => (window.allow = done)); }")
    page.click("#talk")
    page.wait_for_function("() => window.tracks")
    page.evaluate("document.getElementById('head').onchange()")
    status(page, "Ready")
    page.evaluate("window.allow()")
    page.wait_for_function(f"() => {ENDED}")
    assert page.inner_text("#talk") == "Speak"
    assert page.get_attribute("#talk", "aria-pressed") == "false"


def test_an_impatient_visitor_opens_one_microphone(visit):
    slow = """
        const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);
        window.asked = 0;
        media.getUserMedia = async (wish) => {
          window.asked++;
          await new Promise((done) => setTimeout(done, 500));
          return ask(wish);
        };
    """
    page = visit(script=slow)
    for _ in range(3):
        page.click("#talk")
    status(page, "Listening")
    assert page.evaluate("window.asked") == 1
    page.click("#talk")
    status(page, "Done")


def test_it_fits_a_phone_and_a_desktop(visit):
    page = visit()
    assert "AI-generated, marked" in page.inner_text("figcaption")
    for size in (PHONE, {"width": 1280, "height": 800}):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.locator("#talk").bounding_box()["y"] < size["height"] - 40


STATS = """async () => Object.fromEntries([...(await audioplane.peer.getStats()).values()]
  .filter(s => s.type === 'inbound-rtp').map(s => [s.kind, s]))"""


def test_a_call_plays_in_sync_with_the_microphone(visit, calls_address, tmp_path):
    page = visit(where=calls_address)
    assert page.evaluate("audioplane.way") == "webrtc"
    assert page.is_visible("#video") and not page.is_visible("#image")
    page.keyboard.press("Space")
    status(page, "Listening")
    page.wait_for_function("() => document.getElementById('latency').textContent.startsWith('p50')")
    page.wait_for_function("() => document.getElementById('video').currentTime > 1")
    assert page.evaluate("[video.videoWidth, video.muted, video.paused]") == [64, False, False]
    stats = page.evaluate(STATS)
    assert stats["audio"]["totalAudioEnergy"] > 1e-3 and stats["video"]["framesDecoded"] > 10
    page.keyboard.press("Space")
    status(page, "Done")
    page.keyboard.press("Space")  # a track that was taken away comes back
    status(page, "Listening")
    before = page.evaluate(STATS)["audio"]["totalAudioEnergy"]
    for _ in range(50):
        page.wait_for_timeout(100)
        if page.evaluate(STATS)["audio"]["totalAudioEnergy"] > before + 2e-2:
            break
    else:
        raise AssertionError("the microphone's sound came only once")


def test_without_a_call_the_websocket_takes_over(visit, calls_address):
    refuse = "RTCPeerConnection.prototype.setRemoteDescription = async () => { throw Error('no'); }"
    page = visit(where=calls_address, script=refuse)
    assert page.evaluate("audioplane.way") == "websocket" and page.is_visible("#image")


COUNT_BITMAPS = """
  const make = createImageBitmap, close = ImageBitmap.prototype.close;
  window.bitmaps = 0;
  window.createImageBitmap = async (blob) => { bitmaps++; return make(blob); };
  ImageBitmap.prototype.close = function () { bitmaps--; close.call(this); };
"""
WAIT = "await new Promise((done) => setTimeout(done, 800))"


@pytest.mark.parametrize("hidden", [False, True])
def test_a_page_that_is_not_drawn_keeps_no_images(visit, hidden):
    """Headless pages are never hidden: this one gets the event, or is just not asked to draw."""
    undrawn = "const ask = requestAnimationFrame; window.requestAnimationFrame = (act) => "
    script = COUNT_BITMAPS + undrawn + "act.name === 'draw' ? 0 : ask(act);"
    if hidden:
        script += "Object.defineProperty(Document.prototype, 'hidden', { get: () => true });"
    page = visit(script=script)
    page.wait_for_timeout(3500)
    assert page.evaluate("bitmaps") <= (0 if hidden else 51)


def test_late_images_are_closed(visit):
    page = visit(script=COUNT_BITMAPS.replace("return make(blob)", f"{WAIT}; return make(blob)"))
    page.click("#talk")  # a clock that runs: what is late is not shown
    status(page, "Listening")
    page.wait_for_timeout(3000)
    assert page.evaluate("audioplane.late") > 0
    assert page.evaluate("bitmaps") < 30


@pytest.fixture(scope="module")
def prefixed_address(heads):
    """Behind a proxy that adds a prefix."""
    app = make_app(heads, None, ROOMY)

    async def proxied(scope, receive, send):
        if scope["type"] != "lifespan":
            assert scope["path"].startswith("/heads/mine/")
            scope = {**scope, "path": scope["path"].removeprefix("/heads/mine")}
        await app(scope, receive, send)

    with running(proxied, ROOMY) as address:
        yield f"http://{address}/heads/mine/"


def test_the_page_works_under_a_prefix(visit, prefixed_address, speech):
    page = visit(where=prefixed_address)
    page.set_input_files("#file", speech)
    status(page, "Done")
    with page.expect_download():
        page.keyboard.press("d")


def test_a_browser_draws_by_itself_and_its_images_carry_the_sessions_mark(
    visit, drawing_address, tmp_path
):
    page = visit(where=drawing_address)
    page.wait_for_function(
        "() => audioplane.drawn === 'client' && audioplane.images.images.length > 1"
    )
    page.click("#talk")
    page.wait_for_function("() => parseFloat(document.getElementById('rate').textContent) > 15")
    path = tmp_path / "recorded.webm"
    record(page, "document.getElementById('image')", path)
    reading = read_mark(read_frames(path), KEY)
    assert reading is not None and reading.payload is not None
    assert reading.payload.head == 0xB
    page.click("#talk")
    status(page, "can be downloaded")
    with page.expect_download() as waiting:
        page.click("#download")
    with av.open(str(waiting.value.path())) as file:
        assert file.streams.video[0].codec_context.width == 160


@pytest.mark.parametrize(
    "script",
    [
        "WebAssembly.validate = () => false",
        "const get = fetch; fetch = (a, o) => get(`${a}`.replace('head.bin', 'gone.bin'), o)",
    ],
)
def test_where_it_cannot_draw_a_browser_shows_images(visit, drawing_address, script):
    page = visit(where=drawing_address, script=script)
    page.wait_for_function(
        "() => audioplane.drawn === 'server' && audioplane.images.images.length > 1"
    )
    assert page.is_hidden("#trouble")
