// What hearing and drawing of an exported folder cost, and whether memory stays as it is over ten
// minutes of sound: node --expose-gc --experimental-default-type=module tests/web/hearing.mjs SITE WAV
//
// SITE is the folder of a head that hears phones; WAV has one channel of 16 bits at 16 kHz.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [site, wav] = process.argv.slice(2).map((path) => `${pathToFileURL(path)}`);
const names = ["head_bin", "encoder", "features", "live", "recogniser", "engine"];
const [{ readHead }, { Encoder }, { SpeechFeatures }, { Live }, { Recogniser }, { Engine }] =
  await Promise.all(names.map((name) => import(`${site}/${name}.js`)));
const bytes = (path) => Uint8Array.from(readFileSync(new URL(path))).buffer;
const work = () => process.cpuUsage().user / 1e3; // milliseconds of processor time

const kernels = await WebAssembly.compile(bytes(`${site}/head.wasm`));
const head = await readHead(bytes(`${site}/head.bin`)), features = new SpeechFeatures(head), encoder = new Encoder(head);
features.recogniser = new Recogniser(await readHead(bytes(`${site}/recogniser.bin`)), kernels);
const sound = Float32Array.from(new Int16Array(bytes(wav).slice(44)), (x) => x / 32768);

const live = new Live(features, encoder), PIECE = 320;
for (let minute = 1, at = 0; minute <= 10; minute++) {
  const began = work();
  for (let n = 0; n < 60 * 16000; n += PIECE, at += PIECE)
    live.push(Float32Array.from({ length: PIECE }, (_, i) => sound[(at + i) % sound.length]));
  const took = work() - began;
  global.gc();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const [heap, buffers, whole] = [heapUsed, arrayBuffers, rss].map((x) => (x / 1e6).toFixed(1));
  console.log(`minute ${minute}: ${took.toFixed(0)} ms, MB: ${heap} heap, ${buffers} buffers, ${whole}`);
}
for (const seconds of [10, 60]) {
  const began = work(), described = features.describe(sound.slice(0, seconds * 16000)), heard = work();
  encoder.codes(described);
  console.log(`${seconds} s: features ${(heard - began).toFixed(0)} ms, encoder ${(work() - heard).toFixed(0)}`);
}

const engine = new Engine(head, kernels), code = new Float32Array(engine.arrays.S.shape[1]);
const each = (act, count = 60) => {
  const began = work();
  for (let t = 0; t < count; t++) act(t);
  return ((work() - began) / count).toFixed(1);
};
console.log(
  `a frame: ${each((t) => engine.draw(code, engine.recorded(t), t))} ms, of which deformation`,
  each((t) => engine.place(code, engine.recorded(t))), "order", each(() => engine.wasm.arrange(engine.head)),
  "blending", each(() => engine.wasm.blend(engine.head, 0, engine.bands)),
);
