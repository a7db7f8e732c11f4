// Features of the phones of any language (audioplane/speech/ipa.py), and where somebody speaks
// (audioplane/speech/activity.py).

import { blockPower, FRAME, joined, PIECE, RunningLevel, STEP, STEPS_BEFORE } from "./mel.js";

const CLOSES = 0.4, DRAWN = 10 ** -0.8, CLOSING = 2, CLOSED_LEAD = 3.5;
const HEARD = 0.3, LEAD = 10, HOLD = 1, LONGEST = 10, SHORT = 60, EASE = 2, STEPS_PER_FRAME = 2;
/** Samples of sound after a frame's end that its window waits for. */
export const IPA_AHEAD = (7 + 4 + 3 + 5) * STEP + 360 + STEP;

/** A matrix's columns weighed by a row of numbers, most of which are nearly zero. */
function mixed(row, { data, shape: [, columns] }) {
  const out = new Float32Array(columns);
  row.forEach((p, i) => {
    for (let c = 0; c < columns; c++) out[c] += p * data[i * columns + c];
  });
  return out;
}

/** Probabilities in, steps out; steps of silence come first. */
export class Peaks {
  constructor(arrays) {
    this.arrays = arrays;
    this.reach = (arrays["ipa.smoothing"].data.length - 1) / 2;
    this.none = new Float32Array(arrays["ipa.centres"].data.length);
    this.peaks = Array(this.reach + STEPS_BEFORE).fill(this.none);
  }

  /** The steps that are settled now. */
  push(probabilities) {
    for (const column of this.columns(probabilities)) this.peaks.push(column);
    const steps = this.smoothed(this.peaks);
    this.peaks.splice(0, steps.length);
    return steps;
  }

  /** The steps that probabilities ahead give, as if no peaks followed. */
  predict(ahead) {
    const after = Array(this.reach).fill(this.none);
    return this.smoothed([...this.peaks, ...this.columns(ahead), ...after]);
  }

  columns(probabilities) {
    return probabilities.map((row) => mixed(row, this.arrays["ipa.columns"]));
  }

  /** Steps of all peaks but the outer ones, which smoothing reaches. */
  smoothed(peaks) {
    const weights = this.arrays["ipa.smoothing"].data;
    return Array.from({ length: Math.max(0, peaks.length - 2 * this.reach) }, (_, i) =>
      this.normalised((c) => weights.reduce((sum, weight, lag) => sum + weight * peaks[i + lag][c], 0)));
  }

  normalised(value) {
    const spreads = this.arrays["ipa.spreads"].data;
    return this.arrays["ipa.centres"].data.map((centre, c) => (value(c) - centre) / spreads[c]);
  }

  /** The step of silence. */
  get silence() {
    return this.normalised(() => 0);
  }
}

/** Which steps hold a phone. */
const phones = (probabilities, arrays) => likely(probabilities, arrays["ipa.phone"], HEARD);

/** Which steps hold a phone whose lips close. */
const closures = (probabilities, arrays) => likely(probabilities, arrays["ipa.closed"], CLOSES);

/** In which steps symbols of these weights are likely. */
function likely(probabilities, { data }, least) {
  return probabilities.map((row) => row.reduce((sum, p, i) => sum + p * data[i], 0) > least);
}

/** `count` steps of a whole sound at a gain, and in which frames the mouth is not at rest. */
export function* describeIpa(sound, { gain, loudness, frames }, count, recogniser, arrays) {
  const samples = Math.max(sound.length, count * STEP) + IPA_AHEAD;
  const levelled = new Float32Array(samples);
  sound.forEach((x, i) => (levelled[i] = x * gain));
  recogniser.begin();
  const probabilities = [], gate = new RestGate();
  for (let at = 0; at < samples; at += PIECE * FRAME) {
    probabilities.push(...recogniser.push(levelled.subarray(at, at + PIECE * FRAME)));
    yield;
  }
  gate.hear(bridged(phones(probabilities, arrays)));
  gate.close(closures(probabilities, arrays));
  gate.measure(loudness.map((x) => x >= DRAWN));
  return {
    steps: new Peaks(arrays).push(probabilities).slice(0, count),
    shares: Array.from({ length: frames }, () => gate.share()),
  };
}

/** Phones, and all steps of the short pauses between them. */
function bridged(heard) {
  const out = heard.slice();
  let before = -Infinity;
  heard.forEach((is, step) => {
    if (!is) return;
    if (step - before <= SHORT) out.fill(true, before, step);
    before = step;
  });
  return out;
}

/** Steps of a sound that arrives in pieces. */
export class IpaStream {
  constructor(voice, recogniser, arrays) {
    this.level = new RunningLevel(voice.level);
    this.recogniser = recogniser;
    this.arrays = arrays;
    this.peaks = new Peaks(arrays);
    this.gate = new RestGate();
    this.rest = new Float32Array(0);
    recogniser.begin();
  }

  /** The steps that are settled after the next samples. */
  push(samples) {
    const sound = joined([this.rest, samples]);
    const blocks = Math.floor(sound.length / STEP), drawn = [];
    this.rest = sound.slice(blocks * STEP);
    for (let b = 0; b < blocks; b++) {
      const power = blockPower(sound, b);
      drawn.push(this.level.update(power) && power / this.level.level >= DRAWN);
      for (let i = STEP * b; i < STEP * (b + 1); i++) sound[i] *= this.level.gain;
    }
    const probabilities = this.recogniser.push(sound.subarray(0, blocks * STEP));
    this.gate.measure(drawn);
    this.gate.hear(phones(probabilities, this.arrays));
    this.gate.close(closures(probabilities, this.arrays));
    return this.peaks.push(probabilities);
  }

  /** The steps after the settled ones, as far as they are thought of. */
  predict() {
    return this.peaks.predict(this.recogniser.ahead);
  }

  /** How much of the next frame is speech. */
  share() {
    const { ahead } = this.recogniser;
    return this.gate.share(phones(ahead, this.arrays), closures(ahead, this.arrays));
  }
}

/** Frame by frame, how much of the mouth's motion is speech: 1, or 0 at rest and where the lips have
 * to close. */
class RestGate {
  constructor() {
    this.phones = []; // steps that hold one, from the next frame on
    this.quiet = []; // steps less loud than a drawn vowel, likewise
    this.closures = []; // steps whose phone closes the lips, from shortly before the next frame on
    this.closuresKnown = 0; // steps of which it is known
    this.lastPhone = -LONGEST - 1;
    this.lastQuiet = -1;
    this.known = this.measured = this.step = this.now = 0;
  }

  /** Which of the next steps hold a phone. */
  hear(heard) {
    heard.forEach((is, i) => is && this.phones.push(this.known + i));
    this.known += heard.length;
  }

  /** Which of the next steps hold a phone whose lips close. */
  close(closed) {
    closed.forEach((is, i) => is && this.closures.push(this.closuresKnown + i));
    this.closuresKnown += closed.length;
  }

  /** Which of the next steps are as loud as a drawn vowel. */
  measure(drawn) {
    drawn.forEach((is, i) => is || this.quiet.push(this.measured + i));
    this.measured += drawn.length;
  }

  /** The share of the next frame; `ahead` are phones expected after the known steps, `closing`
   * those whose lips close. */
  share(ahead = [], closing = []) {
    const expected = ahead.flatMap((is, i) => (is ? [this.known + i] : []));
    let speaks = false;
    for (let step = this.step; step < this.step + STEPS_PER_FRAME; step++) {
      while (this.phones[0] <= step) this.lastPhone = this.phones.shift();
      while (this.quiet[0] <= step) this.lastQuiet = this.quiet.shift();
      const near = [this.lastPhone, ...expected, ...this.phones.slice(0, 1)];
      const last = Math.max(...near.filter((phone) => phone <= step));
      const held = this.lastQuiet > last ? HOLD : LONGEST;
      speaks ||= step - last <= held || near.some((p) => 0 < p - step && p - step <= LEAD);
    }
    const closed = this.closed(closing);
    this.step += STEPS_PER_FRAME;
    this.now = Math.min(1, Math.max(0, this.now + (speaks ? 1 : -1) / EASE));
    return this.now * (1 - closed);
  }

  /** How far the lips are closed in the middle of the next frame, 0 to 1. */
  closed(closing) {
    const peak = this.step + STEPS_PER_FRAME / 2 - 0.5 + CLOSED_LEAD;
    while (this.closures[0] < peak - 4 * CLOSING) this.closures.shift();
    const expected = closing.flatMap((is, i) => (is ? [this.closuresKnown + i] : []));
    const away = [...this.closures, ...expected].map((step) => Math.abs(step - peak) / CLOSING);
    return Math.exp(-0.5 * Math.min(...away) ** 2);
  }
}
