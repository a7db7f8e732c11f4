import base64
import os
import re
from html.parser import HTMLParser

import cv2
import numpy as np

from audioplane.page import (
    Section,
    empty,
    facts,
    figure,
    img,
    listing,
    paragraph,
    side_by_side,
    table,
    text_page,
    video,
    video_beside,
)

_VOID = {"meta", "img", "link", "br"}


class Balance(HTMLParser):
    """Notes tags that are not closed, and addresses."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.sources += [v for k, v in attrs if k in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page() -> str:
    image = np.full((8, 12, 3), (200, 30, 30), np.uint8)
    cells = side_by_side([img(image, 'a "red" image'), video(b"mp4", "a video")])
    parts = [
        paragraph("5 < 6"),
        listing(["one", "two"]),
        facts({"seed": "0"}),
        empty("weights are missing: fetch them"),
        table(["metric", "value"], [["PSNR", "31.5"], ["LPIPS", None]], "scores"),
        figure(cells, "Title", "One sentence."),
    ]
    return text_page("A & B", "lead", [Section("First", parts)])


def test_a_page_needs_no_other_file_and_its_tags_close():
    parser = Balance()
    parser.feed(page())
    assert not parser.open
    assert parser.sources and all(s.startswith("data:") for s in parser.sources)
    assert "@import" not in page() and "url(" not in page()


def test_text_is_escaped_and_empty_cells_say_so():
    html = page()
    assert "A &amp; B" in html and "5 &lt; 6" in html and "a &quot;red&quot; image" in html
    assert 'aria-label="empty"' in html and 'class="empty"' in html


def test_images_and_videos_are_inside():
    html = page()
    data = re.search(r"data:image/jpeg;base64,([^\"]+)", html)
    assert data is not None
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data[1]), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None and image.shape == (8, 12, 3)
    assert abs(image[0, 0].astype(int) - (30, 30, 200)).max() < 12  # OpenCV's order
    assert base64.b64encode(b"mp4").decode() in html


def test_a_video_beside_the_page_is_named_safely():
    assert 'src="a%20%22b%22.mp4"' in video_beside('a "b".mp4', "it")
    assert 'src="%FF%C3%A9.mp4"' in video_beside(os.fsdecode(b"\xff\xc3\xa9.mp4"), "it")
