// The codes of a head whose speech arrives in pieces (audioplane/drive/stream.py).

import { lookAhead } from "./ears.js";
import { blockPower, FRAME, PAUSE, RATE, RunningLevel } from "./mel.js";

const BEFORE = 4, AFTER = 3;
/** Seconds of sound after a frame that its code waits for. */
export const waited = (kinds) => lookAhead(kinds) + (AFTER * FRAME) / RATE;

export class Live {
  constructor(ears, encoder) {
    this.encoder = encoder;
    this.ears = ears.listen();
    this.level = new RunningLevel(ears.voice.level);
    this.norm = encoder.norm();
    this.silent = PAUSE;
    this.vectors = [];
    this.sound = new Float32Array(0);
    this.missing = FRAME + Math.round(waited(ears.kinds) * RATE);
  }

  /** The codes of the frames that are settled after the next samples at 16 kHz. */
  push(samples) {
    const sound = new Float32Array(this.sound.length + samples.length), codes = [];
    sound.set(this.sound), sound.set(samples, this.sound.length);
    this.sound = sound;
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
    for (const window of this.ears.push(samples)) {
      const vector = this.encoder.encode(window);
      if (!this.vectors.length) for (let i = 0; i < BEFORE; i++) this.vectors.push(vector);
      this.vectors.push(vector);
    }
  }

  next() {
    const active = [0, 1].map((b) => this.level.update(blockPower(this.sound, b)));
    this.silent = active.some(Boolean) ? 0 : this.silent + 1;
    this.sound = this.sound.slice(FRAME);
    const raw = this.encoder.filter(this.vectors.slice(0, BEFORE + 1 + AFTER));
    this.vectors.shift();
    const spoken = this.silent <= PAUSE;
    if (spoken) this.norm.update(raw);
    return this.encoder.eased(this.encoder.code(this.norm.normalised(raw)), this.ears.share(spoken));
  }
}
