// head.bin: a JSON header and quantised arrays (audioplane/web/head_bin.py).

const SIZES = { f32: 4, f16: 2, u16: 2, i8: 1, u8: 1 };

/** {facts, arrays} of the file's bytes; arrays are {data: Float32Array, shape}. */
export function readHead(buffer) {
  const bytes = new DataView(buffer);
  if (bytes.byteLength < 8 || bytes.getUint32(0, false) !== 0x41504831)
    throw new Error("head.bin is no exported head");
  const end = 8 + bytes.getUint32(4, true);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, end - 8)));
  if (facts.format !== 1) throw new Error(`head.bin has format ${facts.format}, this page reads 1`);
  const arrays = {};
  for (const [name, entry] of Object.entries(facts.arrays)) {
    arrays[name] = { data: decode(buffer, end + entry.offset, entry), shape: entry.shape };
  }
  delete facts.arrays;
  return { facts, arrays };
}

function decode(buffer, at, { type, shape, low, step }) {
  const count = shape.reduce((a, b) => a * b, 1);
  if (at + count * SIZES[type] > buffer.byteLength) throw new Error("head.bin is cut short");
  if (type === "f32") return new Float32Array(buffer, at, count);
  if (type === "i8") return Float32Array.from(new Int8Array(buffer, at, count));
  if (type === "u8") return new Uint8Array(buffer, at, count);
  const raw = new Uint16Array(buffer, at, count);
  if (type === "f16") return halves(raw);
  const columns = low.length;
  return Float32Array.from(raw, (x, i) => low[i % columns] + x * step[i % columns]);
}

/** float16 to float32: shifted into place, a factor of 2^112 mends the exponent. */
export function halves(raw) {
  const out = new Float32Array(raw.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < raw.length; i++) {
    bits[i] = ((raw[i] & 0x8000) << 16) | ((raw[i] & 0x7fff) << 13);
    out[i] *= 5.192296858534828e33;
  }
  return out;
}
