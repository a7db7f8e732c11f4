// A thread that hears or draws: messages in, codes or pixels out. Each holds the head of its own.

import { Encoder } from "./encoder.js";
import { Engine } from "./engine.js";
import { readHead } from "./head_bin.js";
import { Live } from "./live.js";
import { describe, silence } from "./mel.js";
import { pixelsOf, Torsos } from "./torsos.js";

let engine, encoder, head, live, torsos;

const actions = {
  async hear({ src }) {
    head = readHead(await (await got(`${src}head.bin`)).arrayBuffer());
    encoder = new Encoder(head);
    postMessage({ type: "hears", facts: head.facts, silence: encoder.rest(silence()) });
  },

  async draw({ src }) {
    const [file, kernels, image] = await Promise.all(
      ["head.bin", "head.wasm", "background.webp"].map((name) => got(src + name)));
    const module = await WebAssembly.compile(await kernels.arrayBuffer());
    head = readHead(await file.arrayBuffer());
    engine = new Engine(head, module);
    engine.setPlate((await pixelsOf(await image.blob())).data);
    if (head.facts.torso) torsos = new Torsos(await got(`${src}torso.bin`), head.facts.torso);
    postMessage({ type: "draws", milliseconds: timed() });
  },

  speech({ samples, id }) {
    const { windows, spoken } = describe(samples);
    postMessage({ type: "codes", id, codes: encoder.codes(windows, spoken) });
  },

  listen() {
    live = new Live(head, encoder);
  },

  push({ samples, id }) {
    for (const code of live.push(samples)) postMessage({ type: "code", id, code });
  },

  async frame({ index, code, buffer }) {
    if (torsos) await torsos.lay(engine, index);
    const started = performance.now(), made = engine.draw(code, index);
    const image = buffer?.byteLength === made.length ? new Uint8ClampedArray(buffer) : made.slice();
    if (buffer?.byteLength === made.length) image.set(made);
    const milliseconds = performance.now() - started;
    postMessage({ type: "frame", index, milliseconds, buffer: image.buffer }, [image.buffer]);
  },
};

onmessage = async ({ data }) => {
  try {
    await actions[data.type](data);
  } catch (error) {
    postMessage({ type: "error", message: error.message });
  }
};

async function got(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} is not there (${answer.status})`);
  return answer;
}

/** Milliseconds of a frame, the median of five. */
function timed() {
  const code = new Float32Array(engine.arrays.S.shape[1]);
  const all = [0, 1, 2, 3, 4].map((index) => {
    const started = performance.now();
    engine.draw(code, index);
    return performance.now() - started;
  });
  return all.sort((a, b) => a - b)[2];
}
