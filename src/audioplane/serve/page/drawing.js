// Images that are drawn here: codes and poses in, bitmaps out, by workers that have the head's files.
import { Painters } from "./drawing/painters.js";

const FILES = { head: "head.bin", kernels: "head.wasm", background: "background.webp" };
const MOST = 50, MARGIN = 0.12; // frames that wait: 2 s; seconds that images come before their sound
const SIMD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11];

export const able = Boolean(window.OffscreenCanvas && window.WebAssembly?.validate(new Uint8Array(SIMD)));

const kept = new Map(); // files, by head: once for all sessions

async function filesOf(head, get) {
  if (!kept.has(head)) {
    const loaded = await Promise.all(Object.values(FILES).map(async (name) => {
      const reply = await get(`heads/${encodeURIComponent(head)}/${name}`);
      if (!reply.ok) throw new Error(`${name}: ${await reply.text()}`);
      return reply.blob();
    }));
    kept.set(head, Object.fromEntries(Object.keys(FILES).map((key, i) => [key, loaded[i]])));
  }
  return kept.get(head);
}

export class Drawing {
  #waiting = [];
  #asked = new Map(); // what is being drawn, by frame
  #closed = false;

  // `get(path)` fetches from the server; `on` has `ready(delay)`, with the seconds that sound should
  // wait for its image, `drawn(image)` and `failed(error)`.
  constructor(head, { width, mark }, get, on) {
    const cells = Int8Array.from(atob(mark), (c) => c.charCodeAt(0));
    const failed = (error) => this.#closed || (this.close(), on.failed(error));
    filesOf(head, get).then((files) => {
      if (this.#closed) return;
      this.painters = new Painters({ files, mark: cells }, {
        ready: () => on.ready(MARGIN + (2 * this.painters.milliseconds) / 1000),
        frame: ({ index, buffer, image }) =>
          this.#done(index, image ?? new ImageData(new Uint8ClampedArray(buffer), width), on),
        error: failed,
      });
    }).catch(failed);
  }

  async #done(index, made, on) {
    const bitmap = made.close ? made : await createImageBitmap(made), known = this.#asked.get(index);
    this.#asked.delete(index);
    if (this.#closed) bitmap.close();
    else on.drawn({ ...known, bitmap });
  }

  add(frame) { // { index, age, received, drawing }
    this.#waiting.push(frame);
    if (this.#waiting.length > MOST) this.#waiting.shift();
  }

  // Draw what is due at frame `at` and after it, as far as workers are free.
  work(at) {
    while (this.#waiting.length > 1 && this.#waiting[0].index < Math.floor(at)) this.#waiting.shift();
    for (let draw; this.#waiting.length && (draw = this.painters?.free); ) {
      const { drawing, ...known } = this.#waiting.shift();
      this.#asked.set(known.index, known);
      draw({ index: known.index, drawing });
    }
  }

  close() {
    this.#closed = true;
    this.painters?.close();
  }
}
