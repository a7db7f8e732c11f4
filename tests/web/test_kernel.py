import importlib.metadata
from pathlib import Path

import pytest

from audioplane.web.kernel import build
from tests.web.node import needs_node, run_beside

HERE = Path(build.__file__).parent


def test_the_built_file_is_small():
    assert (HERE / "head.wasm").stat().st_size < 25_000


def test_building_it_anew_gives_the_same_bytes(tmp_path):
    name, _, version = build.COMPILER.partition("==")
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != version:
        pytest.skip(f"needs {build.COMPILER}")
    build.build(tmp_path / "head.wasm")
    assert (tmp_path / "head.wasm").read_bytes() == (HERE / "head.wasm").read_bytes()


@needs_node
def test_an_image_of_any_width_is_the_left_part_of_a_wider_one(exported, tmp_path):
    script = """
    import assert from "node:assert";
    import { readFileSync } from "node:fs";
    import { Engine } from "./engine.js";
    import { readHead } from "./head_bin.js";
    const bytes = (name) => Uint8Array.from(readFileSync(new URL(name, import.meta.url)));
    const kernels = await WebAssembly.compile(bytes("head.wasm"));
    const { facts, arrays } = await readHead(bytes("head.bin").buffer);
    const rows = (width) => {
      const engine = new Engine({ facts: { ...facts, width }, arrays }, kernels);
      engine.setPlate(new Uint8Array(4 * width * facts.height).fill(90));
      engine.compose(new Float32Array(192), engine.recorded(0));
      const made = engine.bytes("out", 4 * width * facts.height);
      return Array.from({ length: facts.height }, (_, y) =>
        made.slice(4 * width * y, 4 * width * (y + 1)));
    };
    const wide = rows(160);
    for (const width of [150, 151, 153])
      rows(width).forEach((row, y) => assert.deepEqual(row, wide[y].slice(0, 4 * width)));
    """
    run_beside(exported.made.path, tmp_path, script)
