// What the microphone hears, in pieces of 20 ms or so, from the audio thread to the page.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(Math.ceil(sampleRate / 50 / 128) * 128);
    this.filled = 0;
    this.port.onmessage = () => (this.over = true);
  }

  process([input]) {
    const channel = input[0];
    if (!channel) return !this.over;
    this.piece.set(channel, this.filled);
    this.filled += channel.length;
    if (this.filled >= this.piece.length) {
      this.port.postMessage(this.piece);
      this.filled = 0;
    }
    return !this.over;
  }
}

registerProcessor("microphone", Microphone);
