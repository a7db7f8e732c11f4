// A frame of a head: codes and poses in, pixels out, by the kernels in head.wasm.

import { halves } from "./head_bin.js";
import { turnOf, waves } from "./mark.js";

// The fields of `Head` in kernel/head.h, in their order.
const FIELDS = [
  "n", "moving", "features", "width", "height", "means", "quats", "logScales", "logits", "sh",
  "weights", "index", "S", "first", "firstBias", "second", "secondBias", "third", "thirdBias",
  "gate", "code", "view", "motion", "waves", "grain", "plate", "out", "texture", "carriers", "shares",
  "origins",
];
const COPIED = {
  means: "means", quats: "quats", logScales: "log_scales", logits: "logits", sh: "sh", S: "S",
  weights: "weights", first: "field.first", firstBias: "field.first_bias",
  second: "field.second", secondBias: "field.second_bias", third: "field.third",
  thirdBias: "field.third_bias", gate: "field.gate", shares: "detail.weights",
  origins: "detail.origins",
};

/** Step t of 0 … n − 1 and back, without end. */
function pingPong(t, n) {
  if (n < 2) return 0;
  const step = t % (2 * n - 2);
  return Math.min(step, 2 * n - 2 - step);
}

export class Engine {
  /** A head that `readHead` read; `module` is the compiled head.wasm. */
  constructor({ facts, arrays }, module) {
    this.facts = facts;
    this.arrays = arrays;
    this.wasm = new WebAssembly.Instance(module, {}).exports;
    const { width, height, moved_by_audio: audio } = facts;
    const n = (this.count = arrays.logits.data.length);
    const [moving, features] = arrays.S.shape;
    this.size = { width, height };
    this.plateNumber = 0;
    this.loop = arrays.views.shape[0];
    this.byAudio = audio;
    this.moving = moving;
    this.head = this.wasm.make(n, moving, features, width, height, arrays.weights ? 1 : 0);
    const mesh = arrays["detail.carriers"]?.shape;
    /** Columns and rows of the detail map's mesh, where the head has one. */
    this.mesh = mesh && { width: mesh[1], height: mesh[0] };
    if (mesh) this.wasm.carry(this.head, mesh[2]);
    const places = new Uint32Array(this.wasm.memory.buffer, this.head, FIELDS.length);
    this.at = Object.fromEntries(FIELDS.map((name, i) => [name, places[i]]));
    for (const [field, name] of Object.entries(COPIED)) {
      if (arrays[name]) this.floats(field, arrays[name].data.length).set(arrays[name].data);
    }
    const index = new Int32Array(this.wasm.memory.buffer, this.at.index, moving);
    index.set(arrays.index.data);
    if (mesh) this.setDetail();
    if (arrays.mark) this.setMark(arrays.mark.data);
    const grain = this.floats("grain", width * height);
    for (let i = 0, seed = 1; i < grain.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      grain[i] = (seed >>> 8) / 16777216;
    }
    this.wasm.start(this.head);
    this.bands = Math.ceil(height / 8);
    /** Whether one moment is shown for ever. */
    this.still = false;
  }

  /** Numbers in the kernels' memory, which may have moved since the last call. */
  floats(field, count) {
    return new Float32Array(this.wasm.memory.buffer, this.at[field], count);
  }

  /** Bytes in the kernels' memory, likewise. */
  bytes(field, count) {
    return new Uint8Array(this.wasm.memory.buffer, this.at[field], count);
  }

  /** The cells of the mark that every frame will carry. */
  setMark(cells) {
    const { width, height } = this.size;
    this.floats("waves", 2 * width * height).set(waves(cells, width, height));
    this.marked = true;
  }

  /** Put the detail map's texture and the Gaussians that carry it into the kernels' memory. */
  setDetail() {
    const { arrays: a, at, wasm } = this, { data, shape } = a["detail.texture"];
    const [left, top] = a["detail.corner"].data, [rows, across] = shape, texture = this.texture();
    for (let y = 0; y < rows; y++)
      texture.set(data.subarray(across * y, across * (y + 1)), (top + y + 1) * (this.size.width + 2) + left + 1);
    const { data: carriers } = a["detail.carriers"];
    new Int32Array(wasm.memory.buffer, at.carriers, carriers.length).set(carriers.map(Math.round));
  }

  /** The detail map's texture [height + 2, width + 2], in a ring of zeros. */
  texture() {
    const { width, height } = this.size;
    return new Int8Array(this.wasm.memory.buffer, this.at.texture, (width + 2) * (height + 2));
  }

  /** Where the vertices of the image are in that texture in the last pose, (x, y). */
  seen() {
    const { wasm, head, mesh } = this;
    return new Float32Array(wasm.memory.buffer, wasm.seen(head), 2 * mesh.width * mesh.height);
  }

  /** What lies behind the Gaussians, RGBA; or a part of it, `across` pixels wide. */
  setPlate(pixels, left = 0, top = 0, across = this.size.width) {
    const { width, height } = this.size;
    const plate = this.bytes("plate", 4 * width * height);
    this.plateNumber++;
    for (let y = 0; y < pixels.length / (4 * across); y++)
      plate.set(pixels.subarray(4 * across * y, 4 * across * (y + 1)), 4 * (width * (top + y) + left));
  }

  /** The row of what is shown in frame `index`: on the path, or to and fro. */
  row(index) {
    const { path } = this.arrays;
    if (this.still) return 0;
    return path ? path.data[index % path.data.length] : pingPong(index, this.loop);
  }

  /** A row of what is shown: {view, body, expression}. */
  recorded(row) {
    const { views, bodies, expressions } = this.arrays;
    const of = ({ data, shape }) => {
      const each = data.length / shape[0];
      return data.subarray(row * each, (row + 1) * each);
    };
    return { view: of(views), body: bodies && of(bodies), expression: of(expressions) };
  }

  /** {code, view, body, expression} of the bytes of a server (audioplane/web/drawing.py). */
  read(bytes) {
    const { S, weights } = this.arrays, size = 2 * S.shape[1], body = weights ? 24 : 12;
    const numbers = new Float32Array(bytes.slice(size));
    return {
      code: halves(new Uint16Array(bytes, 0, S.shape[1])),
      view: numbers.subarray(0, 12),
      body: weights && numbers.subarray(12, body),
      expression: numbers.subarray(body),
    };
  }

  /** Draw a pose with the audio's code, marked as frame `index`; the pixels, until the next. */
  draw(code, pose, index) {
    if (!this.marked) throw new Error("no frame is drawn without the mark");
    const { width, height } = this.size;
    this.compose(code, pose);
    this.wasm.mark(this.head, ...turnOf(index));
    return new Uint8ClampedArray(this.wasm.memory.buffer, this.at.out, 4 * width * height);
  }

  /** The pixels of a pose before the mark. */
  compose(code, pose) {
    this.place(code, pose);
    this.wasm.arrange(this.head);
    this.wasm.blend(this.head, 0, this.bands);
  }

  /** The projected Gaussians of a pose, 12 numbers each (kernel/splat.c), and those that are seen,
   * nearest first; until the next. */
  ordered(code, pose) {
    const { wasm, head, count } = this;
    this.place(code, pose);
    wasm.order(head);
    return {
      records: new Float32Array(wasm.memory.buffer, wasm.records(head), 12 * count),
      order: new Uint32Array(wasm.memory.buffer, wasm.ordered(head), wasm.drawn(head)),
    };
  }

  /** Give the Gaussians their shapes of a pose, and set its camera. */
  place(code, { view, body, expression }) {
    this.deform(code, 0, this.byAudio);
    this.deform(this.expressionCode(expression), this.byAudio, this.moving);
    const camera = this.floats("view", 16);
    camera.set(view);
    camera.set(this.arrays.K.data, 12);
    if (body) this.floats("motion", 15).set(bodyMotion(view, body));
  }

  deform(code, from, to) {
    if (from === to) return;
    this.floats("code", code.length).set(code);
    this.wasm.deform(this.head, from, to);
  }

  /** The code of an expression's numbers (head/expression.py). */
  expressionCode(numbers) {
    const { arrays: a } = this;
    const within = Array.from(numbers, (number, i) => {
      const low = a["expression.low"].data[i], high = a["expression.high"].data[i];
      const x = Math.min(Math.max(number, low), high);
      return (x - a["expression.rest"].data[i]) / a["expression.scale"].data[i];
    });
    const hidden = linear(a, "expression.0", within).map((x) => Math.max(0, x));
    return linear(a, "expression.1", hidden);
  }
}

/** W x + b of a layer of the file. */
export function linear(arrays, name, x) {
  const { data: W, shape } = arrays[name];
  const bias = arrays[`${name}_bias`].data;
  const out = new Float32Array(shape[0]);
  const inputs = x.length;
  for (let j = 0; j < out.length; j++) {
    let sum = bias[j];
    for (let i = 0; i < inputs; i++) sum += W[j * inputs + i] * x[i];
    out[j] = sum;
  }
  return out;
}

/** (R − I, t) row by row and the rotation vector of V⁻¹V' (head/body.py). */
function bodyMotion(V, B) {
  const R = [], out = new Float32Array(15);
  const away = [B[3] - V[3], B[7] - V[7], B[11] - V[11]];
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) {
      R[3 * i + j] = V[i] * B[j] + V[4 + i] * B[4 + j] + V[8 + i] * B[8 + j];
      out[4 * i + j] = R[3 * i + j] - (i === j ? 1 : 0);
    }
    out[4 * i + 3] = V[i] * away[0] + V[4 + i] * away[1] + V[8 + i] * away[2];
  }
  const skew = [R[7] - R[5], R[2] - R[6], R[3] - R[1]].map((x) => x / 2);
  const sine = Math.sqrt(skew[0] ** 2 + skew[1] ** 2 + skew[2] ** 2 + 1e-12);
  const angle = Math.atan2(sine, (R[0] + R[4] + R[8] - 1) / 2);
  skew.forEach((x, i) => (out[12 + i] = (x * angle) / sine));
  return out;
}
