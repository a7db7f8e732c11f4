// The audio encoder: windows of speech features to the code of a frame (audioplane/head/audio.py, audio_plane.py).

import { linear } from "./engine.js";
import { finished, PIECE } from "./mel.js";
import { OpeningGain } from "./opening.js";

const STEPS = 16, BEFORE = 4, AFTER = 3, SLOPE = 0.02, DIM = 64, SETS = 3;
const ENOUGH = 25, FACTOR = 2;
const LEARNT = 180 * 25; // frames of a speech that tell its voice's statistics
const NETWORK = 4, FILTER = 5; // convolutions

const leaky = (x) => (x < 0 ? SLOPE * x : x);

/** A convolution of width 3 of channels [c, t], padded by zeros; then a leaky ReLU. */
function convolve(arrays, name, { data, channels, length }, stride) {
  const { data: W, shape } = arrays[name];
  const bias = arrays[`${name}_bias`].data;
  const steps = Math.floor((length - 1) / stride) + 1;
  const out = new Float32Array(shape[0] * steps);
  for (let j = 0; j < shape[0]; j++)
    for (let t = 0; t < steps; t++) {
      let sum = bias[j];
      for (let k = 0; k < 3; k++) {
        const at = t * stride + k - 1;
        if (at < 0 || at >= length) continue;
        for (let c = 0; c < channels; c++)
          sum += W[(j * channels + c) * 3 + k] * data[c * length + at];
      }
      out[j * steps + t] = leaky(sum);
    }
  return { data: out, channels: shape[0], length: steps };
}

/** The statistics of the voice that drives a head. */
export class RunningNorm {
  constructor(arrays) {
    this.mean = arrays.mean.data;
    this.std = arrays.std.data;
    this.count = 0;
    this.sum = new Float64Array(DIM);
    this.squares = new Float64Array(DIM);
  }

  /** Add the vector of a frame with speech. */
  update(raw) {
    this.count++;
    for (let i = 0; i < DIM; i++) {
      const away = raw[i] - this.mean[i];
      this.sum[i] += away;
      this.squares[i] += away * away;
    }
  }

  normalised(raw) {
    const n = Math.max(1, this.count), share = this.count / (this.count + ENOUGH);
    return raw.map((x, i) => {
      const own = this.std[i] ** 2, away = this.sum[i] / n;
      const found = this.squares[i] / n - away * away;
      const variance = Math.min(Math.max(found, own / FACTOR ** 2), own * FACTOR ** 2);
      const std = Math.sqrt(own + share * (variance - own));
      return (x - this.mean[i] - share * away) / (std + 1e-4);
    });
  }
}

export class Encoder {
  constructor({ facts, arrays }) {
    this.arrays = arrays;
    this.scales = facts.scales.length;
    this.fusion = facts.fusion;
  }

  /** The code of a mouth at rest: the head's own where it has one, else that of silence. */
  rest(silence) {
    const own = this.arrays.rest;
    if (own) return own.data;
    const quiet = this.filter(Array(BEFORE + 1 + AFTER).fill(this.encode(silence)));
    return this.code(this.norm().normalised(quiet));
  }

  /** A code, of which `share` is speech; only heads that know their rest come to it. */
  eased(code, share) {
    const own = this.arrays.rest?.data;
    return own && share < 1 ? code.map((x, i) => own[i] + share * (x - own[i])) : code;
  }

  norm() {
    return new RunningNorm(this.arrays);
  }

  gain() {
    return new OpeningGain(this.arrays);
  }

  /** AudioNet: a window [16, features] of the steps to 64 numbers. */
  encode(window) {
    const features = window.length / STEPS;
    const data = new Float32Array(window.length);
    for (let t = 0; t < STEPS; t++)
      for (let f = 0; f < features; f++) data[f * STEPS + t] = window[t * features + f];
    let x = { data, channels: features, length: STEPS };
    for (let i = 0; i < NETWORK; i++) x = convolve(this.arrays, `net.convolutions.${i}`, x, 2);
    const pooled = new Float32Array(x.channels);
    for (let c = 0; c < x.channels; c++) {
      for (let t = 0; t < x.length; t++) pooled[c] += x.data[c * x.length + t] / x.length;
    }
    const hidden = linear(this.arrays, "net.linear.0", pooled).map(leaky);
    return linear(this.arrays, "net.linear.1", hidden);
  }

  /** AudioAttNet: the mean of 8 neighbours, 4 before a frame and 3 after it, by learned weights. */
  filter(neighbours) {
    const span = neighbours.length;
    const data = new Float32Array(DIM * span);
    neighbours.forEach((v, t) => v.forEach((x, c) => (data[c * span + t] = x)));
    let x = { data, channels: DIM, length: span };
    for (let i = 0; i < FILTER; i++) x = convolve(this.arrays, `attention.convolutions.${i}`, x, 1);
    const weights = softmax(linear(this.arrays, "attention.linear.0", x.data));
    const out = new Float32Array(DIM);
    neighbours.forEach((v, t) => v.forEach((y, c) => (out[c] += weights[t] * y)));
    return out;
  }

  /** The code of a frame from its normalised vector: Eq. 4, spread over the sets. */
  code(vector) {
    const out = [];
    for (let s = 0; s < this.scales; s++) {
      const query = linear(this.arrays, `prototypes.${s}.query`, vector);
      const { data: grid, shape } = this.arrays[`prototypes.${s}.grid`];
      const [rows, d] = shape, scores = new Float32Array(rows), found = new Float32Array(d);
      for (let p = 0; p < rows; p++) {
        for (let i = 0; i < d; i++) scores[p] += query[i] * grid[p * d + i];
        scores[p] /= Math.sqrt(d);
      }
      softmax(scores).forEach((w, p) => {
        for (let i = 0; i < d; i++) found[i] += w * grid[p * d + i];
      });
      if (this.fusion === "concat") for (let k = 0; k < SETS; k++) out.push(...found);
      else out.push(...(this.fusion === "add" ? found : found.map((x) => x ** 3)));
    }
    return Float32Array.from(out);
  }

  /** Vectors before normalisation of a whole speech; past its ends the outer ones are repeated. */
  *vectors(windows) {
    const own = [];
    for (const window of windows) {
      own.push(this.encode(window));
      if (own.length % PIECE === 0) yield;
    }
    return own.map((_, t) => {
      const near = [];
      for (let k = -BEFORE; k <= AFTER; k++)
        near.push(own[Math.min(Math.max(t + k, 0), own.length - 1)]);
      return this.filter(near);
    });
  }

  /** The codes of a whole speech; `spoken` marks the frames in which its voice speaks, `shares` says
   * how much of each frame is speech. */
  codes(described) {
    return finished(this.coding(described));
  }

  /** The same, a piece of the speech at a time. */
  *coding({ windows, spoken, shares }) {
    const raw = yield* this.vectors(windows), norm = this.norm(), gain = this.gain();
    const learnt = spoken.slice(0, LEARNT);
    raw.forEach((v, t) => learnt[t] && norm.update(v));
    const told = raw.map((v) => this.code(norm.normalised(v)));
    told.forEach((code, t) => learnt[t] && gain.update(code));
    return told.map((code, t) => this.eased(gain.applied(code), shares[t]));
  }
}

function softmax(scores) {
  const top = Math.max(...scores);
  const out = scores.map((x) => Math.exp(x - top));
  const total = out.reduce((a, b) => a + b, 0);
  return out.map((x) => x / total);
}
