// The microphone's sound as PCM16 of 16 kHz in pieces of 40 ms.
const RATE = 16000, PIECE = 640;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.phase = this.sum = this.weight = 0;
  }

  // Each new sample is the mean of the old ones, in parts, that it covers.
  take(value) {
    let part = RATE / sampleRate;
    while (part > 0) {
      const used = Math.min(part, 1 - this.phase);
      this.sum += value * used;
      this.phase += used;
      part -= used;
      if (this.phase > 1 - 1e-9) {
        this.piece[this.filled++] = Math.max(-1, Math.min(1, this.sum)) * 32767;
        this.phase = this.sum = 0;
      }
      if (this.filled === PIECE) {
        this.port.postMessage(this.piece.slice().buffer);
        this.filled = 0;
      }
      if (part < 1e-9) break;
    }
  }

  process([input]) {
    if (input.length) for (const value of input[0]) this.take(value);
    return true;
  }
}
registerProcessor("microphone", Microphone);
