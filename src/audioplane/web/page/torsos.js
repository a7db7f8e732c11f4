// The recorded torso that belongs to each pose: images in one file (audioplane/web/plates.py).

/** RGBA of an image file, as it is stored: {data, width, height}. */
export async function pixelsOf(blob) {
  const image = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  image.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

export class Torsos {
  #file;
  #starts = [0];
  #next = { pose: -1, image: null };

  /** Of torso.bin, a blob; the facts are those of head.bin. */
  constructor(file, { left, top, sizes }) {
    this.#file = file;
    this.left = left, this.top = top;
    for (const size of sizes) this.#starts.push(this.#starts.at(-1) + size);
  }

  /** Put the torso of frame `index` behind the head; begin to decode a later one. */
  async lay(engine, index) {
    const pose = engine.row(index);
    const image = this.#next.pose === pose ? this.#next.image : this.#decode(pose);
    const { data, width } = await image;
    engine.setPlate(data, this.left, this.top, width);
    const step = index - (this.last ?? index - 1);
    this.last = index;
    const after = engine.row(index + Math.max(1, step));
    this.#next = { pose: after, image: this.#decode(after) };
  }

  async #decode(pose) {
    return pixelsOf(this.#file.slice(this.#starts[pose], this.#starts[pose + 1]));
  }
}
