// The codes of a head whose speech arrives in pieces (audioplane/drive/stream.py).

import { towards } from "./encoder.js";
import { blockPower, FRAME, joined, MelStream, PAUSE, RunningLevel, STEPS } from "./mel.js";

const BEFORE = 4, AFTER = 3;
/** Seconds of sound after a frame that its code waits for. */
export const LOOK_AHEAD = (7 * 320 + 160 + AFTER * FRAME) / 16000;

export class Live {
  constructor(head, encoder) {
    const { voice } = head.facts;
    this.encoder = encoder;
    this.mel = new MelStream(voice);
    this.level = new RunningLevel(voice.level);
    this.norm = encoder.norm();
    this.silent = PAUSE;
    this.share = 0;
    this.steps = [];
    this.vectors = [];
    this.sound = new Float32Array(0);
  }

  /** The codes of the frames that are settled after the next samples at 16 kHz. */
  push(samples) {
    const sound = new Float32Array(this.sound.length + samples.length);
    sound.set(this.sound), sound.set(samples, this.sound.length);
    this.sound = sound;
    this.steps.push(...this.mel.push(samples));
    while (this.steps.length >= STEPS) {
      const vector = this.encoder.encode(joined(this.steps.slice(0, STEPS)));
      this.steps.splice(0, 2);
      if (!this.vectors.length) for (let i = 0; i < BEFORE; i++) this.vectors.push(vector);
      this.vectors.push(vector);
    }
    const codes = [];
    while (this.vectors.length > BEFORE + AFTER) codes.push(this.next());
    return codes;
  }

  next() {
    const active = [0, 1].map((b) => this.level.update(blockPower(this.sound, b)));
    this.silent = active.some(Boolean) ? 0 : this.silent + 1;
    this.sound = this.sound.slice(FRAME);
    const raw = this.encoder.filter(this.vectors.slice(0, BEFORE + 1 + AFTER));
    this.vectors.shift();
    if (this.silent <= PAUSE) this.norm.update(raw);
    this.share = towards(this.share, this.silent <= PAUSE);
    return this.encoder.eased(this.encoder.code(this.norm.normalised(raw)), this.share);
  }
}
