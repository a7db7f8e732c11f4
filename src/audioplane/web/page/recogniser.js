// The recogniser of phones along a sound (audioplane/speech/recogniser.py), by kernel/recogniser.c.

const HOP = 160, FFT = 400, BEFORE = 360, BINS = 201, PARTS = 416, PANEL = 8;
const SYMBOLS = 191, ROW = 192, SETTLED = 4, AHEAD = 6;

/** Windowed cosines, then sines, in panels; angles rounded as the network was trained with. */
function waves(out) {
  const turn = Math.fround(2 * Math.PI);
  for (let k = 0; k < BINS; k++)
    for (let i = 0; i < FFT; i++) {
      const angle = Math.fround(Math.fround(turn * k) * i) / FFT;
      const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / FFT);
      const at = (c) => (Math.floor(c / PANEL) * FFT + i) * PANEL + (c % PANEL);
      out[at(k)] = window * Math.cos(Math.fround(angle));
      out[at(PARTS / 2 + k)] = window * Math.sin(Math.fround(angle));
    }
}

export class Recogniser {
  /** recogniser.bin as `readHead` read it; `module` is the compiled head.wasm. */
  constructor({ arrays: { weights, filters } }, module) {
    this.wasm = new WebAssembly.Instance(module, {}).exports;
    const shared = this.wasm.recogniser_make(weights.data.length), { buffer } = this.wasm.memory;
    const places = new Uint32Array(buffer, shared, 5);
    const floats = (i, count) => new Float32Array(buffer, places[i], count);
    floats(0, weights.data.length).set(weights.data);
    floats(1, filters.data.length).set(filters.data);
    waves(floats(2, FFT * PARTS));
    this.heard = floats(3, FFT);
    this.made = floats(4, (SETTLED + AHEAD) * ROW);
    this.begin();
  }

  /** Begin another sound. */
  begin() {
    this.wasm.recogniser_begin();
    this.sound = new Float32Array(BEFORE);
    /** Probabilities of steps after the settled ones, as they were thought of last. */
    this.ahead = [];
  }

  /** Probabilities of the steps that are settled after the next samples. */
  push(samples) {
    const sound = new Float32Array(this.sound.length + samples.length), settled = [];
    sound.set(this.sound), sound.set(samples, this.sound.length);
    let at = 0;
    for (; at + FFT <= sound.length; at += HOP) {
      this.heard.set(sound.subarray(at, at + FFT));
      if (!this.wasm.recogniser_hear()) continue;
      const rows = Array.from({ length: SETTLED + AHEAD }, (_, r) =>
        this.made.slice(r * ROW, r * ROW + SYMBOLS));
      settled.push(...rows.slice(0, SETTLED));
      this.ahead = rows.slice(SETTLED);
    }
    this.sound = sound.slice(at);
    return settled;
  }
}
