// Speech features of the kinds that a head hears side by side, and where somebody speaks.

import { describeIpa, IPA_AHEAD, IpaStream, Peaks } from "./ipa.js";
import { describe, finished, FRAME, joined, MEL_AHEAD, MelStream, silence, STEPS } from "./mel.js";

/** Seconds of sound after a frame for which a window of any of these kinds waits. */
export const lookAhead = (kinds) => (kinds.includes("ipa") ? IPA_AHEAD : MEL_AHEAD) / 16000;

/** A mouth comes to rest, or leaves it, in two frames. */
const towards = (share, speaks) => Math.min(1, Math.max(0, share + (speaks ? 0.5 : -0.5)));

export class SpeechFeatures {
  /** A head that `readHead` read; `recogniser` may come later, before anything is heard. */
  constructor({ facts, arrays }) {
    this.kinds = facts.hears;
    this.voice = facts.voice;
    this.arrays = arrays;
  }

  /** The window of silence. */
  silence() {
    const step = this.kinds.map((kind) => (kind === "mel" ? silence() : new Peaks(this.arrays).silence));
    return joined(Array(STEPS).fill(joined(step)));
  }

  /** Windows of a whole sound, in which frames somebody speaks, and how much each one is speech. */
  describe(sound) {
    return finished(this.describing(sound));
  }

  /** The same, a piece of the sound at a time. */
  *describing(sound) {
    const { steps, ...level } = yield* describe(sound), { spoken } = level;
    const heard = this.kinds.includes("ipa") &&
      (yield* describeIpa(sound, level, steps.length, this.recogniser, this.arrays));
    const parts = this.kinds.map((kind) => (kind === "mel" ? steps : heard.steps));
    const whole = steps.map((_, i) => joined(parts.map((part) => part[i])));
    let share = 0;
    return {
      windows: spoken.map((_, t) => joined(whole.slice(2 * t, 2 * t + STEPS))),
      spoken,
      shares: heard ? heard.shares : spoken.map((is) => (share = towards(share, is))),
    };
  }

  /** The same of a sound that arrives in pieces. */
  stream() {
    return new FeatureStream(this);
  }
}

class FeatureStream {
  constructor({ kinds, voice, recogniser, arrays }) {
    this.parts = kinds.map((kind) =>
      kind === "mel" ? new MelStream(voice) : new IpaStream(voice, recogniser, arrays));
    this.steps = kinds.map(() => []);
    this.gate = this.parts.find((part) => part instanceof IpaStream);
    this.now = 0;
  }

  /** The windows that are settled after the next samples. */
  push(samples) {
    this.parts.forEach((part, i) => {
      for (const step of part.push(samples)) this.steps[i].push(step);
    });
    const windows = [];
    while (this.steps.every((steps) => steps.length >= STEPS)) {
      const whole = this.steps[0].slice(0, STEPS).map((_, i) => joined(this.steps.map((s) => s[i])));
      windows.push(joined(whole));
      for (const steps of this.steps) steps.splice(0, 2);
    }
    return windows;
  }

  /** The next `count` windows as predicted now: each part's best estimate of the sound so far, then
   * its last step repeated. */
  predict(count) {
    const parts = this.parts.map((part, i) => [...this.steps[i], ...part.predict()]);
    const step = (i) => joined(parts.map((steps) => steps[Math.min(i, steps.length - 1)]));
    const whole = Array.from({ length: 2 * (count - 1) + STEPS }, (_, i) => step(i));
    return Array.from({ length: count }, (_, t) => joined(whole.slice(2 * t, 2 * t + STEPS)));
  }

  /** How much of the next frame is speech; `spoken`: whether it is loud enough. */
  share(spoken) {
    return this.gate ? this.gate.share() : (this.now = towards(this.now, spoken));
  }
}
