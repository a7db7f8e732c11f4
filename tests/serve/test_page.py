"""Tests of the page without a browser."""

import shutil
import subprocess
from importlib import resources

import pytest

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
