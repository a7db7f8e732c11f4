// Log-mel steps of a sound at 16 kHz (audioplane/speech/bands.py, mel.py, level.py).

export const RATE = 16000, STEP = 320, STEPS = 16, STEPS_BEFORE = 7, FRAME = 640;
const BANDS = 80, LOWEST_HZ = 60, HIGHEST_HZ = 7600, FFT = 1024, ANALYSIS = 640;
const PRE_EMPHASIS = 0.97, LOWEST = 1e-11, TYPICAL_DB = -71, TYPICAL_WEIGHT = 50;
const FLOOR_DB = -20, CENTRE_DB = -4, SPREAD_DB = 12.5;
const TARGET_DB = -23, MAX_GAIN_DB = 40, ABSOLUTE_GATE = 1e-7, RELATIVE_GATE = 10 ** -1.5;
const FADE = 50, LONGEST = 3000, NOISE_BLOCKS = 500, NOISE_RATIO = 8;
export const PAUSE = 8;
/** Frames of a whole sound between which whoever hears it may stop: 5 s. */
export const PIECE = 125;
/** Samples of sound after a frame's end that its window waits for. */
export const MEL_AHEAD = STEPS_BEFORE * STEP + (ANALYSIS - STEP) / 2;

const WINDOW = Float64Array.from({ length: ANALYSIS }, (_, i) =>
  0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (ANALYSIS + 1)));
const WINDOW_SUM = WINDOW.reduce((a, b) => a + b, 0);
const COS = Float64Array.from({ length: FFT / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / FFT));
const SIN = Float64Array.from({ length: FFT / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / FFT));
const FILTERS = filters();

/** Each band's first bin and weights. */
function filters() {
  const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
  const low = mel(LOWEST_HZ), step = (mel(HIGHEST_HZ) - low) / (BANDS + 1);
  return Array.from({ length: BANDS }, (_, b) => {
    const weights = [];
    let first = -1;
    for (let k = 0; k <= FFT / 2; k++) {
      const at = (mel((k * RATE) / FFT) - low) / step - b;
      const weight = Math.min(at, 2 - at);
      if (weight <= 0) continue;
      if (first < 0) first = k;
      weights.push(weight);
    }
    return { first, weights };
  });
}

/** In place: the Fourier transform of 1024 numbers. */
function transform(re, im) {
  for (let i = 1, j = 0; i < FFT; i++) {
    let bit = FFT >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= FFT; size *= 2) {
    const half = size / 2, stride = FFT / size;
    for (let start = 0; start < FFT; start += size)
      for (let k = 0; k < half; k++) {
        const a = start + k, b = a + half, c = COS[k * stride], s = SIN[k * stride];
        const x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
        re[b] = re[a] - x, im[b] = im[a] - y;
        re[a] += x, im[a] += y;
      }
  }
}

const re = new Float64Array(FFT), im = new Float64Array(FFT);

/** Power in the bands of the step whose analysis window begins at `at`, zeros past the ends. */
function bandPowers(sound, at) {
  const sample = (i) => (i < 0 || i >= sound.length ? 0 : sound[i]);
  re.fill(0), im.fill(0);
  for (let i = 0; i < ANALYSIS; i++)
    re[i] = (sample(at + i) - PRE_EMPHASIS * sample(at + i - 1)) * WINDOW[i];
  transform(re, im);
  return FILTERS.map(({ first, weights }) => {
    let sum = 0;
    for (let k = 0; k < weights.length; k++)
      sum += weights[k] * (re[first + k] ** 2 + im[first + k] ** 2);
    return sum / WINDOW_SUM ** 2;
  });
}

const decibels = (power) => 10 * Math.log10(Math.max(power, LOWEST));
const normalised = (db, mean) => (Math.max(db - mean, FLOOR_DB) - CENTRE_DB) / SPREAD_DB;
const gainOf = (power) =>
  10 ** (Math.min(TARGET_DB - 10 * Math.log10(power), MAX_GAIN_DB) / 20);
const meanOf = (xs) => xs.reduce((a, b) => a + b, 0) / xs.length;

function blockPower(sound, block) {
  let sum = 0;
  for (let i = STEP * block; i < STEP * (block + 1); i++) sum += sound[i] * sound[i];
  return sum / STEP;
}

/** What a generator that yields nothing returns. */
export function finished(work) {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Steps of a whole sound, as many as its frames' windows span; its gain, the power of its
 * blocks over the speech's mean, 0 in pauses, and in which frames somebody speaks. */
export function* describe(sound) {
  const frames = Math.max(1, Math.floor(sound.length / FRAME));
  const blocks = Array.from({ length: Math.floor(sound.length / STEP) }, (_, b) =>
    blockPower(sound, b));
  const loud = blocks.filter((p) => p > ABSOLUTE_GATE);
  const least = loud.length ? meanOf(loud) * RELATIVE_GATE : Infinity;
  const active = blocks.map((p) => p > ABSOLUTE_GATE && p >= least);
  const spoken = blocks.filter((_, b) => active[b]);
  const level = spoken.length ? meanOf(spoken) : 1;
  const gain = spoken.length ? gainOf(level) : 1;
  const steps = [];
  while (steps.length < 2 * (frames - 1) + STEPS) {
    const at = STEP * (steps.length - STEPS_BEFORE) + STEP / 2 - ANALYSIS / 2;
    steps.push(bandPowers(sound, at).map((p) => decibels(p * gain * gain)));
    if (steps.length % (2 * PIECE) === 0) yield;
  }
  const totals = new Float64Array(BANDS);
  let count = 0;
  active.forEach((is, b) => {
    const step = steps[b + STEPS_BEFORE];
    if (!is || !step) return;
    count++;
    step.forEach((x, i) => (totals[i] += x));
  });
  const means = totals.map((x) => (x + TYPICAL_WEIGHT * TYPICAL_DB) / (count + TYPICAL_WEIGHT));
  return {
    steps: steps.map((step) => step.map((x, i) => normalised(x, means[i]))),
    gain,
    loudness: blocks.map((p, b) => (active[b] ? p / level : 0)),
    frames,
    spoken: Array.from({ length: frames }, (_, t) =>
      active.slice(Math.max(0, 2 * (t - PAUSE)), 2 * (t + PAUSE + 1)).some(Boolean)),
  };
}

/** Arrays of numbers, one after the other. */
export function joined(parts) {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) out.set(part, at), (at += part.length);
  return out;
}

/** The step of silence. */
export function silence() {
  return new Float32Array(BANDS).fill((FLOOR_DB - CENTRE_DB) / SPREAD_DB);
}

/** A running mean that starts from an assumed one; of numbers, or of bands. */
class RunningMean {
  constructor(assumed) {
    this.assumed = assumed;
    this.sum = assumed.map(() => 0);
    this.count = 0;
  }

  add(values) {
    this.sum = this.sum.map((x, i) => x + values[i]);
    if (++this.count > LONGEST) {
      this.sum = this.sum.map((x) => (x * LONGEST) / this.count);
      this.count = LONGEST;
    }
  }

  value(offset = 0) {
    const weight = Math.max(0, FADE - this.count);
    return this.sum.map((x, i) =>
      (weight * this.assumed[i] + x + this.count * offset) / (weight + this.count));
  }
}

/** The gain of a stream, by the sound so far. */
export class RunningLevel {
  constructor(assumed) {
    this.loud = new RunningMean([assumed]);
    this.active = new RunningMean([assumed]);
    this.recent = [];
  }

  get level() {
    return this.active.value()[0];
  }

  get gain() {
    return gainOf(this.level);
  }

  /** Add the power of the next block; whether it counts as speech. */
  update(power) {
    this.recent.push(power);
    if (this.recent.length > NOISE_BLOCKS) this.recent.shift();
    if (power <= Math.max(NOISE_RATIO * Math.min(...this.recent), ABSOLUTE_GATE)) return false;
    this.loud.add([power]);
    if (power < this.loud.value()[0] * RELATIVE_GATE) return false;
    this.active.add([power]);
    return true;
  }
}

/** Steps of a sound that arrives in pieces; `voice` = {level, bands}. */
export class MelStream {
  constructor(voice) {
    this.level = new RunningLevel(voice.level);
    this.means = new RunningMean(voice.bands);
    this.sound = new Float32Array((STEPS_BEFORE + 1) * STEP);
    this.quiet = STEPS_BEFORE;
  }

  /** The steps that are settled after the next samples. */
  push(samples) {
    const sound = joined([this.sound, samples]);
    const ahead = (ANALYSIS - STEP) / 2;
    const count = Math.max(0, Math.floor((sound.length - STEP - ahead) / STEP)), steps = [];
    for (let i = 0; i < count; i++) {
      const begin = STEP * (i + 1) + STEP / 2 - ANALYSIS / 2;
      steps.push(this.step(bandPowers(sound, begin), blockPower(sound, i + 1)));
    }
    this.sound = sound.slice(count * STEP);
    return steps;
  }

  /** The steps after the settled ones, as far as they are thought of. */
  predict() {
    return [];
  }

  step(powers, power) {
    const spoken = this.quiet === 0 && this.level.update(power);
    this.quiet = Math.max(0, this.quiet - 1);
    const gain = this.level.gain, gainDb = 20 * Math.log10(gain);
    const db = powers.map((p) => decibels(p * gain * gain));
    if (spoken) this.means.add(db.map((x) => x - gainDb));
    const means = this.means.value(gainDb);
    return db.map((x, i) => normalised(x, means[i]));
  }
}

export { blockPower };
