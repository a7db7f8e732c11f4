// Sound of any rate to 16 kHz: a windowed sinc, on pieces that follow each other.

const REACH = 16; // zero crossings on each side

export class Resampler {
  /** The weights of the samples around a new one, by its place between two old ones in parts of `to`:
   * rates in use have few. */
  #taps = new Map();

  constructor(from, to = 16000) {
    this.to = to;
    this.step = from / to;
    this.cut = Math.min(1, to / from) * 0.95;
    this.radius = Math.ceil(REACH / this.cut);
    this.kept = new Float32Array(this.radius);
    this.at = this.radius; // of the next sample to give, in `kept`
  }

  /** The samples that are settled after the next ones. */
  push(samples) {
    if (this.step === 1) return samples;
    const sound = new Float32Array(this.kept.length + samples.length);
    sound.set(this.kept), sound.set(samples, this.kept.length);
    const out = [];
    for (; this.at + this.radius < sound.length; this.at += this.step) out.push(this.sample(sound));
    const drop = Math.floor(this.at) - this.radius;
    this.kept = sound.slice(drop);
    this.at -= drop;
    return Float32Array.from(out);
  }

  sample(sound) {
    const { to } = this, place = Math.round(this.at * to), phase = place % to;
    if (!this.#taps.has(phase)) this.#taps.set(phase, this.taps(phase / to));
    const { first, weights } = this.#taps.get(phase), from = (place - phase) / to + first;
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += sound[from + k] * weights[k];
    return sum;
  }

  /** Of a new sample `part` of the way from an old one to the next: `first` is the first old one that
   * has a weight. */
  taps(part) {
    const { radius, cut } = this, weights = [], first = Math.floor(part - radius) + 1;
    for (let i = first; i < part + radius; i++) {
      const x = i - part, window = 0.5 + 0.5 * Math.cos((Math.PI * x) / radius);
      const angle = Math.PI * cut * x;
      weights.push(window * (angle === 0 ? cut : (cut * Math.sin(angle)) / angle));
    }
    return { first, weights: Float64Array.from(weights) };
  }
}

/** A whole sound at 16 kHz. */
export function resampled(samples, rate) {
  if (rate === 16000) return samples;
  const resampler = new Resampler(rate);
  const padded = new Float32Array(samples.length + resampler.radius + 1);
  padded.set(samples);
  return resampler.push(padded);
}
