// A thread that hears or draws: messages in, codes or pixels out. Each holds the head of its own.

import { SpeechFeatures } from "./features.js";
import { Encoder } from "./encoder.js";
import { Engine } from "./engine.js";
import { readHead } from "./head_bin.js";
import { Live } from "./live.js";
import { Recogniser } from "./recogniser.js";
import { resampled } from "./resample.js";
import { decodes, pixelsOf, Torsos } from "./torsos.js";
import { WebGL } from "./webgl.js";

let engine, webgl, encoder, head, features, live, torsos;
let reading; // of the head to hear with
let wasm; // milliseconds of a frame by the kernels

const actions = {
  async hear({ src }) {
    await (reading = read(src));
    await features;
  },

  /** `by` is "webgl", or the kernels draw. */
  async draw({ src, files, mark, by }) {
    const { head: file, kernels, background, torso } = files ?? (await filesOf(src));
    const module = await WebAssembly.compile(await kernels.arrayBuffer());
    head = await readHead(await file.arrayBuffer());
    engine = new Engine(head, module);
    if (mark) engine.setMark(mark);
    engine.setPlate((await pixelsOf(background)).data);
    const { torso: facts } = head.facts;
    engine.still = !!facts && !(await decodes(facts));
    if (facts && !engine.still)
      torsos = new Torsos(await (torso ?? (await got(`${src}torso.bin`))).arrayBuffer(), facts);
    webgl = by === "webgl" ? WebGL.of(engine, true) : undefined;
    const milliseconds = webgl ? onGpu() : (wasm = timed(engine));
    postMessage({ type: "draws", milliseconds, by: webgl ? "webgl" : "wasm", still: engine.still });
  },

  /** Whether there is a GPU. Where there is none browsers may take seconds to say so. */
  async gpu() {
    const wanted = { failIfMajorPerformanceCaveat: true };
    postMessage({ type: "gpu", is: !!new OffscreenCanvas(1, 1).getContext("webgl2", wanted) });
  },

  /** Draw on the GPU from now on if that is faster. */
  async compare() {
    webgl = WebGL.of(engine);
    const milliseconds = webgl ? onGpu() : Infinity;
    if (milliseconds >= wasm) webgl = undefined;
    postMessage({ type: "compared", milliseconds, by: webgl ? "webgl" : "wasm" });
  },

  async speech({ samples, rate, id }) {
    await reading;
    const codes = encoder.codes((await features).describe(resampled(samples, rate)));
    postMessage({ type: "codes", id, codes });
  },

  async listen() {
    live = undefined;
    await reading;
    live = new Live(await features, encoder);
  },

  async push({ samples, id }) {
    await reading;
    await features;
    if (!live) return; // it could not be opened
    for (const code of live.push(samples)) postMessage({ type: "code", id, code });
  },

  /** A frame of the loop with a code, or of what `drawing` (bytes) says. */
  async frame({ index, code, drawing, buffer }) {
    if (torsos) await torsos.lay(engine, index).catch((error) => told(error));
    const started = performance.now();
    const { code: heard = code, ...pose } = drawing ? engine.read(drawing) : engine.recorded(engine.row(index));
    if (webgl && !webgl.lost) {
      webgl.draw(heard, pose, index);
      const image = webgl.canvas.transferToImageBitmap();
      const milliseconds = performance.now() - started;
      postMessage({ type: "frame", index, milliseconds, image }, [image]);
      return;
    }
    const made = engine.draw(heard, pose, index);
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
    told(error, data.id);
  }
};

/** `id`: of the call that it belongs to. */
const told = ({ message }, id) => postMessage({ type: "error", message, id });

/** The head to hear with. */
async function read(src) {
  head = await readHead(await (await got(`${src}head.bin`)).arrayBuffer());
  encoder = new Encoder(head);
  features = opened(src, head);
  const silence = encoder.rest(new SpeechFeatures(head).silence());
  postMessage({ type: "hears", facts: head.facts, silence });
}

/** The speech features of a head, with a recogniser where it needs one. */
async function opened(src, head) {
  const features = new SpeechFeatures(head);
  if (!features.kinds.includes("ipa")) return features;
  const names = ["recogniser.bin", "head.wasm"];
  const files = await Promise.all(names.map((name) => got(src + name)));
  const [network, kernels] = await Promise.all(files.map((file) => file.arrayBuffer()));
  features.recogniser = new Recogniser(await readHead(network), await WebAssembly.compile(kernels));
  return features;
}

async function got(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address} is not there (${answer.status})`);
  return answer.blob();
}

async function filesOf(src) {
  const names = ["head.bin", "head.wasm", "background.webp"];
  const [head, kernels, background] = await Promise.all(names.map((name) => got(src + name)));
  return { head, kernels, background };
}

const onGpu = () => timed(webgl, () => webgl.pixels(null, 1, 1));

/** Milliseconds of a frame that an engine or a GPU draws, the median of five. */
function timed(painter, done = () => {}) {
  const code = new Float32Array(engine.arrays.S.shape[1]);
  const all = [0, 1, 2, 3, 4].map((index) => {
    const started = performance.now();
    painter.draw(code, engine.recorded(0), index);
    done();
    return performance.now() - started;
  });
  return all.sort((a, b) => a - b)[2];
}
