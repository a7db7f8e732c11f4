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

const PATIENCE = 25; // torsos in a row that cannot be decoded before one moment is shown

let engine, webgl, encoder, head, features, live, torsos, background;
let missed = 0; // torsos in a row that could not be decoded
let asked; // the speech to hear
let reading; // of the head to hear with
let wasm; // milliseconds of a frame by the kernels

const actions = {
  async hear({ src }) {
    await (reading = read(src));
    await features;
  },

  /** `by` is "webgl", or the kernels draw. */
  async draw({ src, files, mark, by }) {
    const { head: file, kernels, background: image, torso } = files ?? (await filesOf(src));
    const module = await compiled(await kernels.arrayBuffer());
    head = await readHead(await file.arrayBuffer());
    engine = new Engine(head, module);
    if (mark) engine.setMark(mark);
    background = (await whole("background.webp", pixelsOf(image))).data;
    engine.setPlate(background);
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
    asked = id;
    live = undefined;
    await reading;
    const described = await between((await features).describing(resampled(samples, rate)), id);
    const codes = described && (await between(encoder.coding(described), id));
    if (codes) postMessage({ type: "codes", id, codes });
  },

  /** What is heard is not wanted any more. */
  stop() {
    asked = live = undefined;
  },

  /** Show one moment from now on. */
  still() {
    torsos = undefined;
    engine.still = true;
    engine.setPlate(background);
  },

  async listen() {
    asked = live = undefined;
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
    if (torsos) {
      await torsos.lay(engine, index).then(() => (missed = 0), miss);
      if (!torsos) engine.setPlate(background); // told meanwhile to show one moment
    }
    const started = performance.now();
    const { code: heard = code, ...pose } = drawing ? engine.read(drawing) : engine.recorded(engine.row(index));
    const image = onGpuDrawn(heard, pose, index);
    if (image) {
      const milliseconds = performance.now() - started;
      postMessage({ type: "frame", index, milliseconds, image }, [image]);
      return;
    }
    const made = engine.draw(heard, pose, index);
    const pixels = buffer?.byteLength === made.length ? new Uint8ClampedArray(buffer) : made.slice();
    if (buffer?.byteLength === made.length) pixels.set(made);
    const milliseconds = performance.now() - started;
    postMessage({ type: "frame", index, milliseconds, buffer: pixels.buffer }, [pixels.buffer]);
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

/** A torso could not be decoded: the one before stays, and where none can be, one moment. */
function miss(error) {
  if (!missed++) told(error);
  if (missed === PATIENCE) postMessage({ type: "still" });
}

/** A frame that the GPU draws; none where it can no more, and the kernels do from now on. */
function onGpuDrawn(code, pose, index) {
  if (!webgl || webgl.lost) return undefined;
  try {
    webgl.draw(code, pose, index);
    return webgl.canvas.transferToImageBitmap();
  } catch {
    webgl = undefined;
    return undefined;
  }
}

/** What a generator returns, which runs between messages; nothing where its speech is wanted no more. */
async function between(work, id) {
  while (asked === id) {
    const { done, value } = work.next();
    if (done) return value;
    await new Promise((go) => setTimeout(go)); // a stop may have come
  }
}

/** What is made of a file, whose name is told where that fails. */
async function whole(name, made) {
  try {
    return await made;
  } catch {
    throw new Error(`${name} is damaged or cut short`);
  }
}

const compiled = (kernels) => whole("head.wasm", WebAssembly.compile(kernels));

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
  features.recogniser = new Recogniser(await readHead(network, "recogniser.bin"), await compiled(kernels));
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
