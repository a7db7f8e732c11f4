// A frame of a head: codes and poses in, pixels out, by the kernels in head.wasm.

import { turnOf, waves } from "./mark.js";

// The fields of `Head` in kernel/head.h, in their order.
const FIELDS = [
  "n", "moving", "features", "width", "height", "means", "quats", "logScales", "logits", "sh",
  "weights", "index", "S", "first", "firstBias", "second", "secondBias", "third", "thirdBias",
  "gate", "code", "view", "motion", "waves", "grain", "plate", "out",
];
const COPIED = {
  means: "means", quats: "quats", logScales: "log_scales", logits: "logits", sh: "sh", S: "S",
  weights: "weights", first: "field.first", firstBias: "field.first_bias",
  second: "field.second", secondBias: "field.second_bias", third: "field.third",
  thirdBias: "field.third_bias", gate: "field.gate",
};

/** Step t of 0 … n − 1 and back, without end. */
export function pingPong(t, n) {
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
    const n = arrays.logits.data.length;
    const [moving, features] = arrays.S.shape;
    this.size = { width, height };
    this.loop = arrays.views.shape[0];
    this.byAudio = audio;
    this.moving = moving;
    this.head = this.wasm.make(n, moving, features, width, height, arrays.weights ? 1 : 0);
    const places = new Uint32Array(this.wasm.memory.buffer, this.head, FIELDS.length);
    this.at = Object.fromEntries(FIELDS.map((name, i) => [name, places[i]]));
    for (const [field, name] of Object.entries(COPIED)) {
      if (arrays[name]) this.floats(field, arrays[name].data.length).set(arrays[name].data);
    }
    const index = new Int32Array(this.wasm.memory.buffer, this.at.index, moving);
    index.set(arrays.index.data);
    this.floats("waves", 2 * width * height).set(waves(arrays.mark.data, width, height));
    const grain = this.floats("grain", width * height);
    for (let i = 0, seed = 1; i < grain.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      grain[i] = (seed >>> 8) / 16777216;
    }
    this.wasm.start(this.head);
    this.bands = Math.ceil(height / 8);
  }

  /** Numbers in the kernels' memory, which may have moved since the last call. */
  floats(field, count) {
    return new Float32Array(this.wasm.memory.buffer, this.at[field], count);
  }

  /** What lies behind the Gaussians, RGBA; or a part of it, `across` pixels wide. */
  setPlate(pixels, left = 0, top = 0, across = this.size.width) {
    const { width, height } = this.size;
    const plate = new Uint8Array(this.wasm.memory.buffer, this.at.plate, 4 * width * height);
    for (let y = 0; y < pixels.length / (4 * across); y++)
      plate.set(pixels.subarray(4 * across * y, 4 * across * (y + 1)), 4 * (width * (top + y) + left));
  }

  /** Draw frame `index` of the loop with the audio's code, marked; the pixels, until the next. */
  draw(code, index) {
    const { width, height } = this.size;
    this.compose(code, pingPong(index, this.loop));
    this.wasm.mark(this.head, ...turnOf(index));
    return new Uint8ClampedArray(this.wasm.memory.buffer, this.at.out, 4 * width * height);
  }

  /** The pixels of one pose of the loop before the mark. */
  compose(code, pose) {
    const { wasm, head } = this;
    this.deform(code, 0, this.byAudio);
    this.deform(this.expressionCode(pose), this.byAudio, this.moving);
    this.place(pose);
    wasm.arrange(head);
    wasm.blend(head, 0, this.bands);
  }

  deform(code, from, to) {
    if (from === to) return;
    this.floats("code", code.length).set(code);
    this.wasm.deform(this.head, from, to);
  }

  place(pose) {
    const { views, bodies, K } = this.arrays;
    const V = views.data.subarray(12 * pose, 12 * pose + 12);
    const view = this.floats("view", 16);
    view.set(V);
    view.set(K.data, 12);
    if (bodies) {
      const body = bodies.data.subarray(12 * pose, 12 * pose + 12);
      this.floats("motion", 15).set(bodyMotion(V, body));
    }
  }

  /** The code of the expression that was recorded with a pose (head/expression.py). */
  expressionCode(pose) {
    const { arrays: a } = this;
    const n = a.expressions.shape[1];
    const within = [];
    for (let i = 0; i < n; i++) {
      const low = a["expression.low"].data[i], high = a["expression.high"].data[i];
      const x = Math.min(Math.max(a.expressions.data[n * pose + i], low), high);
      within.push((x - a["expression.rest"].data[i]) / a["expression.scale"].data[i]);
    }
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
