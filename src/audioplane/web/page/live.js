// The codes of a head whose speech arrives in pieces (audioplane/drive/stream.py).

import { lookAhead } from "./features.js";
import { blockPower, FRAME, joined, PAUSE, RATE, RunningLevel } from "./mel.js";

const BEFORE = 4, AFTER = 3;
/** Seconds of sound after a frame that its code waits for: all that it uses, or `most`; what has not
 * come by then is predicted. */
export const waited = (kinds, most = 0.24) =>
  Math.min(most, lookAhead(kinds) + (AFTER * FRAME) / RATE);

export class Live {
  constructor(features, encoder, most) {
    this.encoder = encoder;
    this.features = features.stream();
    this.level = new RunningLevel(features.voice.level);
    this.norm = encoder.norm();
    this.gain = encoder.gain();
    this.silent = PAUSE;
    /** Of settled windows, from `BEFORE` frames before the next one on. */
    this.vectors = [];
    this.begun = false; // whether any window is settled
    this.late = 0; // windows before those that are not settled yet
    this.index = 0;
    this.sound = new Float32Array(0);
    this.missing = FRAME + Math.round(waited(features.kinds, most) * RATE);
  }

  /** The codes of the frames that are settled after the next samples at 16 kHz. */
  push(samples) {
    const codes = [];
    this.sound = joined([this.sound, samples]);
    for (; samples.length >= this.missing; this.missing = FRAME) {
      this.hear(samples.subarray(0, this.missing));
      samples = samples.subarray(this.missing);
      codes.push(this.next());
    }
    this.missing -= samples.length;
    this.hear(samples);
    return codes;
  }

  hear(samples) {
    for (const window of this.features.push(samples)) {
      const vector = this.encoder.encode(window);
      if (!this.begun) {
        // Before the first frame, the first one again.
        for (let i = 0; i < BEFORE; i++) this.vectors.push(vector);
        this.begun = true, this.late = this.index;
      }
      this.vectors.push(vector);
    }
    this.late -= this.vectors.splice(0, this.late).length;
  }

  /** Vectors around the next frame; those of windows not yet settled are predicted. */
  context() {
    const span = BEFORE + 1 + AFTER, encoded = (windows) => windows.map((w) => this.encoder.encode(w));
    if (!this.begun) {
      const first = Math.max(0, this.index - BEFORE);
      const guessed = encoded(this.features.predict(this.index + 1 + AFTER).slice(first));
      return [...Array(Math.max(0, BEFORE - this.index)).fill(guessed[0]), ...guessed];
    }
    const missing = span - this.vectors.length;
    if (missing <= 0) return this.vectors.slice(0, span);
    const guessed = this.features.predict(this.late + missing).slice(this.late);
    return [...this.vectors, ...encoded(guessed)];
  }

  next() {
    const active = [0, 1].map((b) => this.level.update(blockPower(this.sound, b)));
    this.silent = active.some(Boolean) ? 0 : this.silent + 1;
    this.sound = this.sound.slice(FRAME);
    const raw = this.encoder.filter(this.context());
    this.index++;
    if (!this.vectors.shift()) this.late++;
    const spoken = this.silent <= PAUSE;
    if (spoken) this.norm.update(raw);
    const code = this.encoder.code(this.norm.normalised(raw));
    if (spoken) this.gain.update(code);
    return this.encoder.eased(this.gain.applied(code), this.features.share(spoken));
  }
}
