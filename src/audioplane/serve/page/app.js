// The page of one session: sound goes out, sound and images come in. Over WebRTC the browser plays
// them; over a WebSocket they are played here by their frame numbers on one clock, and images that
// are more than a frame late are left out. Where the server offers it, codes and poses come instead of
// images, which are drawn here.
import { call } from "./call.js";
import { able, Drawing } from "./drawing.js";
import { WaitingImages } from "./images.js";

const $ = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const headers = token ? { Authorization: `Bearer ${token}` } : {};
const canvas = $("image").getContext("2d"), video = $("video");
const SOUND = 1, DRAWN_HERE = 3, SOUND_BYTES = 1280, LATE = 0.04, MOST_WAITING = 16000;
const AHEAD = 1; // seconds that the microphone may be ahead of the server's clock
const url = (path) => new URL(`api/${path}`, import.meta.url); // also where a proxy adds a prefix
const QUIET = 330, WATCHED = 75; // of 32767; frames: 3 s

let ways = [], line = null;  // how to connect; the connection, with what it can do
let hello, player, stream, recorder, drawing = null;
let anchor = null;          // second of the clock at which frame 0 is played
let newest = -1, clip = null, speaking = null;
const images = new WaitingImages(50); // 2 s
let latencies = [], shown = [];
let waits = [], hushed = false; // how long sounds waited to be played; whether the last was quiet
const figures = { late: 0, drift: 0, images };
window.audioplane = figures; // for whoever tests the page

const clock = () => (player?.state === "running" ? player.currentTime : performance.now() / 1000);
const say = (text) => { $("status").textContent = text; };
function complain(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

async function connect() {
  if (stream) stopMicrophone();
  line?.close();
  drawing?.close();
  drawing = null;
  anchor = clip = speaking = hello = null;
  newest = -1;
  images.clear();
  latencies = waits = [];
  const query = new URLSearchParams({ head: $("head").value, ahead: AHEAD, ...(token && { token }) });
  const own = { close() {} };
  line = own;
  const mine = (act) => (...given) => own === line && act(...given);
  const track = mine((media) => { video.srcObject = media; });
  const events = { text: mine(onText), binary: mine(onBinary), over: mine(ended), track };
  const opened = await open(query, events);
  if (own !== line) opened.close();
  else Object.assign(own, opened);
}

async function open(query, events) {
  if (ways.includes("drawing")) {
    showVideo(false);
    query.set("draw", "client");
    return openSocket(query, events);
  }
  showVideo(ways.includes("webrtc"));
  if (ways.includes("webrtc")) {
    try {
      const opened = await call(url, query, headers, events);
      figures.peer = opened.peer;
      return opened;
    } catch (error) {
      console.info(`no WebRTC here: ${error.message}`);
      ways = ways.filter((way) => way !== "webrtc");
      showVideo(false);
    }
  }
  return openSocket(query, events);
}

function showVideo(on) {
  figures.way = on ? "webrtc" : "websocket";
  video.hidden = !on;
  $("image").hidden = on;
}

function openSocket(query, events) {
  const address = url(`live?${query}`);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => (typeof data === "string" ? events.text(JSON.parse(data)) : events.binary(data));
  socket.onclose = ({ code, reason }) =>
    events.over(reason || (code === 1006 ? "The server refused or ended the session." : ""));
  return {
    close: () => socket.close(),
    send: (data) => socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING && socket.send(data),
  };
}

function ended(reason) {
  stopMicrophone();
  enable(false);
  complain(reason || "The session has ended.");
  say("Not connected. Reload the page to try again.");
}

function onText(message) {
  if (message.type !== "hello") return;
  hello = message;
  $("image").width = hello.width;
  $("image").height = hello.height;
  $("notice").textContent = hello.marked ? "AI-generated, marked" : "AI-generated";
  figures.drawn = hello.draw;
  if (hello.draw === "client") drawHere($("head").value, hello);
  enable(true);
  complain("");
  say("Ready: speak, or bring a sound file.");
}

// Where it fails, images come from the server from now on.
function drawHere(head, session) {
  const get = (path) => fetch(url(path), { headers });
  drawing = new Drawing(head, session, get, {
    ready: (delay) => {
      if (anchor !== null) anchor += delay - session.delay;
      session.delay = delay;
      waits = [];
    },
    drawn: (image) => (session === hello ? images.add(image) : image.bitmap.close()),
    failed: ({ message }) => {
      console.info(`the head is not drawn here: ${message}`);
      ways = ways.filter((way) => way !== "drawing");
      if (session === hello) connect();
    },
  });
}

function enable(on) {
  $("talk").disabled = $("file").disabled = !on;
  $("download").disabled = !on || !clip;
}

function onBinary(data) {
  const view = new DataView(data), index = view.getUint32(1, true), age = view.getUint32(5, true);
  if (data.byteLength === 9) left(index, age / 1000);
  else if (view.getUint8(0) === SOUND) play(index, new Int16Array(data.slice(9)));
  else if (view.getUint8(0) === DRAWN_HERE) drawLater(index, age / 1000, data.slice(9));
  else show(index, age / 1000, data.slice(9));
}

function drawLater(index, age, bytes) {
  play(index, new Int16Array(bytes, 0, SOUND_BYTES / 2));
  const frame = { index, age, received: performance.now(), drawing: bytes.slice(SOUND_BYTES) };
  if (!document.hidden) drawing?.add(frame);
}

function play(index, pcm) {
  const now = clock();
  if (anchor === null) anchor = now + hello.delay - index / hello.fps;
  let at = anchor + index / hello.fps;
  if (at < now) {            // the line was slower than ever before: wait longer from now on
    anchor += now - at + LATE;
    at = now + LATE;
  }
  at -= catchUp(at - now, pcm);
  if (player?.state === "running") {
    const buffer = player.createBuffer(1, pcm.length, hello.rate);
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < pcm.length; i++) samples[i] = pcm[i] / 32768;
    const source = player.createBufferSource();
    source.buffer = buffer;
    source.connect(player.destination);
    source.start(at);
  }
  follow(index);
}

// Seconds to play sooner from now on: where every sound waited longer than it has to, a frame's
// time is taken out of a pause.
function catchUp(wait, pcm) {
  waits.push(wait);
  waits = waits.slice(-WATCHED);
  const before = hushed;
  hushed = pcm.every((value) => Math.abs(value) < QUIET);
  const spare = Math.min(LATE, Math.min(...waits) - hello.delay);
  if (!before || !hushed || waits.length < WATCHED || spare < LATE / 2) return 0;
  anchor -= spare;
  waits = waits.map((other) => other - spare);
  return spare;
}

// What was said since the last beginning is what can be downloaded.
function follow(index) {
  newest = index;
  if (speaking && index >= speaking.last && !stream) {
    clip = speaking;
    speaking = null;
    enable(true);
    say("Done. The clip can be downloaded.");
  }
}

async function show(index, age, jpeg) {
  if (document.hidden) return;
  const received = performance.now(), session = hello;
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  if (session === hello) images.add({ index, age, received, bitmap });
  else bitmap.close();
}

// Over WebRTC: an image has left the server, `age` after its sound came in; then the browser has one
// to show. Its own wait is that of the image which left last before this one was received.
let departed = [];
function left(index, age) {
  follow(index);
  departed.push({ age, at: performance.now() });
  departed = departed.slice(-25);
}

function shownVideo(now, { receiveTime, expectedDisplayTime }) {
  video.requestVideoFrameCallback(shownVideo);
  const own = departed.findLast((d) => d.at <= (receiveTime ?? now));
  if (own) latencies.push(own.age + (expectedDisplayTime - own.at) / 1000);
  latencies = latencies.slice(-250);
  shown.push(performance.now());
}

function draw() {
  requestAnimationFrame(draw);
  if (anchor === null) return;
  const at = (clock() - anchor) * hello.fps;
  drawing?.work(at);
  const image = images.take(at);
  if (!image) return;
  const lag = (at - image.index - 1) / hello.fps; // after the sound of its frame has ended
  if (lag > LATE) figures.late++;
  if (lag <= LATE || player?.state !== "running") paint(image, Math.max(0, lag));
  image.bitmap.close();
}

function paint(image, lag) {
  figures.drift = lag;
  canvas.drawImage(image.bitmap, 0, 0);
  const now = performance.now();
  latencies.push(image.age + (now - image.received) / 1000);
  latencies = latencies.slice(-250);
  shown.push(now);
}

setInterval(() => {
  const now = performance.now();
  shown = shown.filter((t) => now - t < 2000);
  $("rate").textContent = `${(shown.length / 2).toFixed(1)} frames/s`;
  if (!latencies.length) return;
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (p) => Math.round(1000 * sorted[Math.floor(p * (sorted.length - 1))]);
  $("latency").textContent = `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`;
}, 500);

// What the server answers, of a kind ("json", "blob"), or why it does not.
async function ask(path, kind, options) {
  try {
    const reply = await fetch(url(path), { headers, ...options });
    if (reply.ok) return { answer: await reply[kind]() };
    return { refused: reason(await reply.text()) || `It failed (${reply.status}).` };
  } catch {
    return { refused: "The server cannot be reached." };
  }
}

function reason(text) {
  try { return JSON.parse(text).detail ?? text; } catch { return text; } // plain text already
}

// Browsers let a page sound only after somebody has touched it.
async function wake() {
  if (!video.hidden) {
    video.muted = false;
    return video.play();
  }
  if (player) return player.resume();
  player = new AudioContext({ sampleRate: 16000 });
  player.onstatechange = () => { // it begins, or a telephone call interrupts it: another clock
    anchor = null;
    waits = [];
  };
  await player.resume();
}

async function startMicrophone() {
  if (!navigator.mediaDevices?.getUserMedia) {
    complain("This browser gives the microphone only to pages over HTTPS or on this machine. A sound file works.");
    return;
  }
  const own = line;
  try {
    const given = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true } });
    if (own !== line || $("talk").disabled) { // the session is over, or another
      given.getTracks().forEach((track) => track.stop());
      return;
    }
    stream = given;
  } catch (error) {
    complain(error.name === "NotAllowedError"
      ? "The microphone was refused. Allow it in the browser's settings for this page, or use a sound file."
      : "No microphone can be used here. A sound file works.");
    return;
  }
  complain("");
  await wake();
  if (!stream) return; // another head was chosen
  if (own.speak) await own.speak(stream.getAudioTracks()[0]);
  else await record(own);
  if (!stream) return;
  speaking = { first: newest + 1, last: Infinity };
  $("talk").setAttribute("aria-pressed", "true");
  $("talk").textContent = "Stop";
  say(`Listening. The head follows ${(hello.look_ahead + hello.delay).toFixed(1)} s behind.`);
}

// Send the microphone's sound over a WebSocket.
async function record(own) {
  recorder = new AudioContext();
  await recorder.audioWorklet.addModule("microphone.js");
  if (!stream) return;
  const mono = { channelCount: 1, channelCountMode: "explicit" };
  const node = new AudioWorkletNode(recorder, "microphone", { numberOfOutputs: 0, ...mono });
  node.port.onmessage = ({ data }) => own.send(data);
  recorder.createMediaStreamSource(stream).connect(node);
}

function stopMicrophone() {
  stream?.getTracks().forEach((track) => track.stop());
  recorder?.close();
  if (stream) line.hush?.();
  stream = recorder = null;
  if (speaking && hello) speaking.last = newest + Math.ceil(hello.fps * (hello.look_ahead + 0.2));
  $("talk").setAttribute("aria-pressed", "false");
  $("talk").textContent = "Speak";
}

let starting = false; // the browser asks for the microphone, or it is not connected yet

async function toggle() {
  if (starting) return;
  if (stream) {
    stopMicrophone();
    say("Finishing …");
    return;
  }
  starting = true;
  try { await startMicrophone(); } finally { starting = false; }
}

async function send(file) {
  const session = hello;
  if (!session || !file) return;
  if (stream) stopMicrophone();
  await wake();
  if (session !== hello) return; // another head was chosen
  say(`Reading ${file.name} …`);
  complain("");
  const { answer, refused } =
    await ask(`sessions/${session.session}/sound`, "json", { method: "POST", body: file });
  if (session !== hello) return;
  if (refused) {
    complain(refused);
    say("Nothing is spoken.");
    return;
  }
  const { seconds } = answer;
  const ahead = Math.ceil(hello.fps * hello.look_ahead);
  speaking = { first: newest + 1, last: newest + ahead + Math.ceil(hello.fps * seconds) };
  say(`Speaking ${file.name}, ${seconds.toFixed(1)} s.`);
}

async function download() {
  const session = hello;
  if (!clip) return;
  say("Drawing the clip …");
  $("download").disabled = true;
  const query = new URLSearchParams({ first: clip.first, last: clip.last });
  const { answer, refused } = await ask(`sessions/${session.session}/clip?${query}`, "blob");
  if (session !== hello) return; // another head was chosen
  enable(true);
  if (refused) {
    complain(refused);
    say("No clip was downloaded.");
    return;
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(answer);
  link.download = `${$("head").value}.mp4`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say("The clip is with your downloads.");
}

addEventListener("pagehide", () => line?.close());
$("talk").onclick = toggle;
$("download").onclick = download;
$("head").onchange = connect;
$("file").onchange = ({ target }) => { send(target.files[0]); target.value = ""; };
document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("dropping"); };
document.ondragleave = () => document.body.classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  send(event.dataTransfer.files[0]);
};
document.onkeydown = (event) => {
  if (event.target.closest("select, input, button") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = { " ": "talk", f: "file", d: "download" }[event.key.toLowerCase()];
  if (!key || event.repeat) return;
  event.preventDefault();
  $(key).click();
};

const reply = await fetch(url("heads"), { headers });
if (reply.ok) {
  for (const name of await reply.json()) $("head").add(new Option(name));
  ways = await (await fetch(url("ways"), { headers })).json();
  if (!able) ways = ways.filter((way) => way !== "drawing");
  if (!window.RTCPeerConnection || !video.requestVideoFrameCallback) ways = ways.filter((way) => way !== "webrtc");
  connect();
  draw();
  video.requestVideoFrameCallback?.(shownVideo);
} else {
  complain(reply.status === 401
    ? "The token is missing or wrong: open the address that the server printed."
    : await reply.text());
  say("Not connected.");
}
