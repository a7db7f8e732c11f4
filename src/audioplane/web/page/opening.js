// Lips that part as far as the person's, whoever speaks (audioplane/drive/opening.py).

const ENOUGH = 100, SPREAD = 1.25, MOST = 1.8;

export class OpeningGain {
  /** Of the arrays of a head; where they hold no law, codes stay as they are. */
  constructor(arrays) {
    this.read = arrays["opening.read"]?.data;
    this.move = arrays["opening.move"]?.data;
    [this.offset, this.spread, this.low, this.high] = arrays["opening.numbers"]?.data ?? [];
    this.count = this.sum = this.squares = 0;
  }

  /** The opening that a code stands for. */
  of(code) {
    return code.reduce((sum, x, i) => sum + x * this.read[i], -this.offset);
  }

  /** Add the code of a frame with speech. */
  update(code) {
    if (!this.read) return;
    const told = this.of(code);
    this.count++;
    this.sum += told;
    this.squares += told * told;
  }

  /** The code with its lips further open or closed, within the recorded range. */
  applied(code) {
    if (!this.read) return code;
    const n = Math.max(1, this.count), share = this.count / (this.count + ENOUGH);
    const mean = this.sum / n, own = this.squares / n - mean * mean;
    const spread = Math.sqrt(share * own + (1 - share) * this.spread ** 2);
    const factor = Math.min(MOST, Math.max(1, SPREAD / Math.max(spread, 1e-3)));
    const told = this.of(code), centre = share * mean, wide = centre + factor * (told - centre);
    const kept = Math.min(Math.max(wide, Math.min(told, this.low)), Math.max(told, this.high));
    return code.map((x, i) => x + (kept - told) * this.move[i]);
  }
}
