// The recorded torso that belongs to each pose: chunks of VP9 in one file (audioplane/web/plates.py).

/** RGBA of an image file, as it is stored: {data, width, height}. */
export async function pixelsOf(blob) {
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  image.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** Whether this browser decodes the torsos that the facts of head.bin tell of. */
export async function decodes({ codec, width, height }) {
  if (!("VideoDecoder" in globalThis)) return false;
  const asked = { codec, codedWidth: width, codedHeight: height };
  return (await VideoDecoder.isConfigSupported(asked)).supported;
}

export class Torsos {
  #file;
  #starts = [0];
  #keys;
  #config;
  #decoder;
  /** The row that was given to the decoder last. */
  #at = -1;
  /** Rows that are waited for: {taken, failed} by row. */
  #awaited = new Map();
  /** The images of the last rows asked for, by row. */
  #images = new Map();

  /** Of torso.bin, its bytes; the facts are those of head.bin. */
  constructor(file, { codec, left, top, width, height, sizes, keys }) {
    this.#file = new Uint8Array(file);
    this.left = left, this.top = top, this.width = width, this.height = height;
    for (const size of sizes) this.#starts.push(this.#starts.at(-1) + size);
    this.#keys = new Set(keys);
    this.#config = { codec, optimizeForLatency: true };
  }

  /** A fresh decoder, at first and after an error, which closes the one that had it. */
  #begin() {
    this.#at = -1;
    this.#decoder = new VideoDecoder({
      output: (frame) => this.#take(frame),
      error: (error) => {
        this.#images.clear();
        this.#awaited.forEach(({ failed }) => failed(error));
        this.#awaited.clear();
      },
    });
    this.#decoder.configure(this.#config);
  }

  /** Put the torso of frame `index` behind the head; begin to decode a later one. Where it cannot be
   * decoded the one before stays. */
  async lay(engine, index) {
    const image = this.#image(engine.row(index)), step = index - (this.last ?? index - 1);
    this.last = index;
    this.#image(engine.row(index + Math.max(1, step)));
    engine.setPlate(await image, this.left, this.top, this.width);
  }

  #image(row) {
    const image = this.#images.get(row) ?? this.#decode(row);
    this.#images.delete(row);
    this.#images.set(row, image);
    for (const old of this.#images.keys()) if (this.#images.size > 2) this.#images.delete(old);
    return image;
  }

  /** Give the decoder what leads to a row: from where it is, or from the key before the row. */
  #decode(row) {
    if (this.#decoder?.state !== "configured") this.#begin();
    let first = row;
    while (!this.#keys.has(first) && first !== this.#at + 1) first--;
    for (let r = first; r <= row; r++) {
      const data = this.#file.subarray(this.#starts[r], this.#starts[r + 1]);
      const type = this.#keys.has(r) ? "key" : "delta";
      this.#decoder.decode(new EncodedVideoChunk({ type, timestamp: r, data }));
    }
    this.#at = row;
    const image = new Promise((taken, failed) => this.#awaited.set(row, { taken, failed }));
    image.catch(() => {}); // who waits for it is told
    return image;
  }

  async #take(frame) {
    const { timestamp: row } = frame, awaited = this.#awaited.get(row);
    this.#awaited.delete(row);
    try {
      if (awaited) awaited.taken(await this.#pixels(frame));
    } catch (error) {
      awaited.failed(error);
    } finally {
      frame.close();
    }
  }

  /** RGBA of a frame. Browsers differ in how they make colours of half the size whole again. */
  async #pixels(frame) {
    const { width, height } = this, { format, visibleRect: rect } = frame;
    if (format !== "I420" && format !== "NV12") {
      const all = new Uint8Array(frame.allocationSize({ format: "RGBA" })), across = 4 * rect.width;
      await frame.copyTo(all, { format: "RGBA" });
      const rows = Array.from({ length: height }, (_, y) => all.subarray(across * y, across * y + 4 * width));
      const out = new Uint8ClampedArray(4 * width * height);
      rows.forEach((row, y) => out.set(row, 4 * width * y));
      return out;
    }
    const bytes = new Uint8Array(frame.allocationSize());
    const [luma, ...chroma] = await frame.copyTo(bytes);
    const [u, v] = format === "I420" ? chroma : [chroma[0], { ...chroma[0], offset: chroma[0].offset + 1 }];
    return coloured(bytes, luma, u, v, format === "I420" ? 1 : 2, width, height);
  }
}

/** RGBA of Y, and of U and V (each `step` bytes) of half the size: BT.601 in full range. */
function coloured(bytes, luma, u, v, step, width, height) {
  const out = new Uint8ClampedArray(4 * width * height);
  const across = (width + 1) >> 1, down = (height + 1) >> 1;
  const us = new Float32Array(across + 2), vs = new Float32Array(across + 2);
  for (let y = 0; y < height; y++) {
    const near = y >> 1, far = Math.min(down - 1, Math.max(0, near + (y & 1 ? 1 : -1)));
    for (const [plane, line] of [[u, us], [v, vs]]) {
      const a = plane.offset + near * plane.stride, b = plane.offset + far * plane.stride;
      for (let x = 0; x < across; x++)
        line[x + 1] = 0.75 * bytes[a + x * step] + 0.25 * bytes[b + x * step] - 128;
      line[0] = line[1], line[across + 1] = line[across];
    }
    for (let x = 0, at = luma.offset + y * luma.stride, to = 4 * width * y; x < width; x++, to += 4) {
      const i = (x >> 1) + 1, j = x & 1 ? i + 1 : i - 1, l = bytes[at + x];
      const cb = 0.75 * us[i] + 0.25 * us[j], cr = 0.75 * vs[i] + 0.25 * vs[j];
      out[to] = l + 1.402 * cr;
      out[to + 1] = l - 0.344136 * cb - 0.714136 * cr;
      out[to + 2] = l + 1.772 * cb;
      out[to + 3] = 255;
    }
  }
  return out;
}
