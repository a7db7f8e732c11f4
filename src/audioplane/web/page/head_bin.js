// head.bin: a JSON header and quantised arrays (audioplane/web/head_bin.py).

const SIZES = { f32: 4, f16: 2, u16: 2, i16: 2, i8: 1, u8: 1 }, FORMAT = 2;

/** {facts, arrays} of the bytes of a file of that name; arrays are {data: Float32Array, shape}. */
export async function readHead(buffer, name = "head.bin") {
  const bytes = new DataView(buffer), damaged = new Error(`${name} is damaged or cut short`);
  if (bytes.byteLength < 8 || bytes.getUint32(0, false) !== 0x41504831)
    throw new Error(`${name} is no file of an exported head`);
  let facts, end;
  try {
    end = 8 + bytes.getUint32(4, true);
    facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, end - 8)));
  } catch {
    throw damaged;
  }
  if (facts.format !== FORMAT)
    throw new Error(`${name} has format ${facts.format}, this page reads ${FORMAT}`);
  try {
    return await unpacked(facts, new Uint8Array(buffer, end));
  } catch {
    throw damaged;
  }
}

async function unpacked({ arrays: entries, ...facts }, bytes) {
  const stream = await inflated(bytes), arrays = {};
  for (const [name, entry] of Object.entries(entries))
    arrays[name] = { data: decode(stream, entry), shape: entry.shape };
  return { facts, arrays };
}

async function inflated(bytes) {
  const whole = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(whole).arrayBuffer());
}

function decode(stream, { type, shape, offset, low, step }) {
  const count = shape.reduce((a, b) => a * b, 1), size = SIZES[type];
  const buffer = whole(stream.subarray(offset, offset + count * size), size);
  if (type === "f32") return new Float32Array(buffer);
  if (type === "i8") return Float32Array.from(new Int8Array(buffer));
  if (type === "u8") return new Uint8Array(buffer);
  const raw = new Uint16Array(buffer);
  if (type === "f16") return halves(raw);
  const out = new Float32Array(count);
  if (type === "i16") for (let i = 0; i < count; i++) out[i] = step * ((raw[i] >> 1) ^ -(raw[i] & 1));
  else for (let i = 0, c = low.length; i < count; i++) out[i] = low[i % c] + raw[i] * step[i % c];
  return out;
}

/** Numbers of `size` bytes, of which all first bytes come first, then all second ones. */
function whole(planes, size) {
  const out = new Uint8Array(planes.length), count = planes.length / size;
  for (let p = 0; p < size; p++)
    for (let i = 0, at = p; i < count; i++, at += size) out[at] = planes[p * count + i];
  return out.buffer;
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
