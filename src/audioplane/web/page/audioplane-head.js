// <audioplane-head src="head/">: a talking head, drawn in this browser alone.
//
//   speak(samples, rate = 16000)   Promise, until it has spoken, or is stopped; plays the sound with it
//   listen(stream)                 follows a microphone (or any MediaStream) until stop()
//   say(text, voice)               speaks what `voice(text)` makes of it: {samples, rate}
//   stop()
//   events: ready, speaking, listening, idle, error (event.detail says more)

import { waited } from "./live.js";
import { Painters, startWorker } from "./painters.js";
import { Resampler } from "./resample.js";

const FPS = 25, LEAD = 0.15, KEPT = 500, MIC_MARGIN = 0.1;
// Frames that are asked for before they are due; more of speech that is known, since some take long.
const AHEAD = 3, AHEAD_OF_SPEECH = 8;
const STALLED = 500; // milliseconds without a code after which a microphone counts as silent
const STYLE = `
:host{display:inline-block;position:relative;line-height:0;max-width:100%}
canvas{max-width:100%;height:auto;border-radius:inherit}
span{position:absolute;left:.5rem;bottom:.5rem;padding:.15rem .5rem;border-radius:1rem;
font:600 .75rem/1.4 system-ui,sans-serif;color:#fff;background:rgba(0,0,0,.6)}`;
const NO_VOICE =
  "browsers do not give a page the sound of their own speech synthesis: pass say(text, voice) " +
  "a function that makes {samples, rate} of a text, or speak(samples)";
const NO_HEAD = "there is no head yet: wait for the event 'ready'";
const NO_MICROPHONE =
  "this browser gives the microphone only to pages over HTTPS or on this machine: pass listen(stream) " +
  "a stream, or speak(samples)";
const NO_TOUCH = "the browser plays no sound before a click or a touch on the page";
const REFUSED = 2000; // milliseconds that sound may take to begin

/** Browsers do not say that they refuse sound: it never begins. */
const refusal = () =>
  new Promise((_, failed) => {
    setTimeout(() => failed(new DOMException(NO_TOUCH, "NotAllowedError")), REFUSED);
  });

export class AudioplaneHead extends HTMLElement {
  static observedAttributes = ["src"];

  #canvas = document.createElement("canvas");
  #context = this.#canvas.getContext("2d");
  #hearing;
  #deaf; // why it cannot hear, where it cannot
  #painters;
  #frames = new Map(); // drawn, not yet shown
  #buffers = [];
  #asked = -1;
  #shown = -1;
  #began = 0;
  // {id, codes, first (frame of codes[0]), began (of the first), clock(), whole, came (when the last
  // code did), done(), failed()}
  #speech = null;
  #calls = 0; // of speak, listen, say and stop
  #animation;
  #silence;
  #audio;
  #release = () => {};
  /** What was shown so far: frames, and milliseconds of work of the last one. */
  statistics = { frames: 0, skipped: 0, milliseconds: 0, workers: 0, by: "" };

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const label = document.createElement("span");
    label.textContent = "AI-generated";
    this.#canvas.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-label", "AI-generated talking head");
    root.append(this.#canvas, label);
  }

  get canvas() {
    return this.#canvas;
  }

  connectedCallback() {
    if (this.hasAttribute("src") && !this.#hearing) this.#load();
  }

  attributeChangedCallback(_, before, now) {
    if (!this.isConnected || before === now) return;
    this.#close();
    if (now !== null) this.#load();
  }

  disconnectedCallback() {
    this.#close();
    this.#audio?.close();
    this.#audio = undefined;
  }

  #load() {
    const folder = (this.getAttribute("src") || ".").replace(/\/*$/, "/");
    const src = new URL(folder, document.baseURI).href;
    const error = ({ message }) => this.#tell("error", { message });
    this.#hearing = startWorker((data) => this.#answers[data.type](data), ({ message }) => {
      this.#deaf = message;
      this.#answers.error({ message, id: this.#speech?.id });
    });
    this.#hearing.postMessage({ type: "hear", src });
    const frame = ({ index, buffer, image }) => this.#frames.set(index, image ?? buffer);
    const by = this.getAttribute("draw");
    this.#painters = new Painters({ src, by }, { ready: () => this.#begin(), frame, error });
  }

  #close() {
    const hearing = this.#hearing, painters = this.#painters;
    this.#hearing = this.#deaf = this.#painters = this.#silence = undefined;
    this.stop(); // who is told of it finds no head any more
    cancelAnimationFrame(this.#animation);
    hearing?.terminate();
    painters?.close();
    for (const made of this.#frames.values()) made.close?.();
    this.#frames.clear();
  }

  #answers = {
    hears: ({ facts, silence }) => {
      this.#silence = silence;
      this.facts = facts;
      this.#canvas.width = facts.width;
      this.#canvas.height = facts.height;
      this.#begin();
    },
    codes: ({ id, codes }) => {
      if (this.#speech?.id === id) this.#start(codes);
    },
    code: ({ id, code }) => {
      const speech = this.#speech;
      if (speech?.id !== id) return;
      speech.came = performance.now();
      if (speech.codes.push(code) > KEPT) speech.first += speech.codes.splice(0, KEPT / 2).length;
    },
    error: ({ message, id }) => {
      this.#tell("error", { message });
      if (id !== undefined && this.#speech?.id === id) this.#end(new Error(message));
    },
  };

  #begin() {
    if (!this.#silence || !this.#painters?.ready) return;
    this.#began = performance.now();
    this.#asked = this.#shown = -1;
    const step = () => {
      this.#animation = requestAnimationFrame(step);
      this.#tick();
    };
    this.#animation = requestAnimationFrame(step);
    this.#tell("ready", this.facts);
  }

  /** The frame that is due, on the clock of what is being spoken. */
  #due() {
    if (this.#speech?.clock) {
      const at = this.#speech.began + Math.floor(this.#speech.clock() * FPS);
      return Math.max(at, this.#shown);
    }
    return Math.floor(((performance.now() - this.#began) / 1000) * FPS);
  }

  #tick() {
    const due = this.#due();
    this.#show(due);
    this.#finish(due);
    if (!this.#painters) return; // who was told of the end took the head away
    const { milliseconds, ready: workers, by, still } = this.#painters;
    Object.assign(this.statistics, { milliseconds, workers, by, still });
    const ahead = this.#speech?.whole && this.#speech.clock ? AHEAD_OF_SPEECH : AHEAD;
    for (let draw; this.#asked < due + ahead && (draw = this.#painters.free); ) {
      const index = (this.#asked = Math.max(this.#asked + 1, due));
      draw({ index, code: this.#code(index), buffer: this.#buffers.pop() });
    }
  }

  #show(due) {
    let best = -1;
    for (const index of this.#frames.keys()) if (index <= due && index > best) best = index;
    for (const [index, made] of this.#frames) {
      if (index > best) continue;
      if (index === best && index > this.#shown) {
        this.#paint(made);
        if (this.#shown >= 0) this.statistics.skipped += index - this.#shown - 1;
        this.#shown = index;
        this.statistics.frames++;
      }
      this.#drop(index, made);
    }
  }

  #drop(index, made) {
    this.#frames.delete(index);
    if (made.close) made.close();
    else this.#buffers.push(made);
  }

  #paint(made) {
    if (made.close) return this.#context.drawImage(made, 0, 0);
    const pixels = new Uint8ClampedArray(made);
    this.#context.putImageData(new ImageData(pixels, this.#canvas.width), 0, 0);
  }

  #code(index) {
    const speech = this.#speech;
    if (!speech?.clock || performance.now() - speech.came > STALLED) return this.#silence;
    const last = speech.whole ? Infinity : speech.codes.length - 1;
    return speech.codes[Math.min(index - speech.first, last)] ?? this.#silence;
  }

  /** Speak samples in [−1, 1], mono, of `rate` a second, and play them. */
  async speak(samples, rate = 16000) {
    if (!(samples instanceof Float32Array)) throw new TypeError("samples are a Float32Array");
    this.#check(this.#hearing);
    this.stop();
    this.#check(this.#hearing); // who is told of the stop may take the head away, or speak too
    const id = ++this.#calls, audio = await this.#sound();
    if (id !== this.#calls || !samples.length) return; // something else was asked for meanwhile
    this.#check(this.#hearing);
    const sound = audio.createBuffer(1, samples.length, rate);
    sound.copyToChannel(samples, 0);
    return new Promise((done, failed) => {
      this.#speech = { id, codes: [], whole: true, done, failed, sound, audio };
      this.#hearing.postMessage({ type: "speech", id, samples, rate });
    });
  }

  #start(codes) {
    const speech = this.#speech, { audio, sound } = speech;
    const source = audio.createBufferSource();
    source.buffer = sound;
    source.connect(audio.destination);
    const start = audio.currentTime + LEAD, latency = audio.outputLatency || 0;
    source.start(start);
    this.#release = () => source.stop();
    // A page that is not seen draws nothing, and would not find the end.
    source.onended = () => setTimeout(() => this.#speech === speech && this.#end(), 1000 * latency);
    speech.codes = codes;
    speech.first = speech.began = Math.max(this.#asked, this.#due()) + 1;
    speech.clock = () => audio.currentTime - latency - start;
    this.#tell("speaking", { seconds: sound.duration });
  }

  /** Follow a microphone, or another stream with sound. */
  async listen(stream) {
    this.#check(this.#silence);
    const asked = !stream;
    if (asked && !navigator.mediaDevices?.getUserMedia)
      throw new DOMException(NO_MICROPHONE, "NotAllowedError");
    this.stop();
    this.#check(this.#silence); // who is told of the stop may take the head away
    const id = ++this.#calls;
    stream ??= await navigator.mediaDevices.getUserMedia({ audio: true });
    const release = () => asked && stream.getTracks().forEach((track) => track.stop());
    if (id !== this.#calls) return release(); // something else was asked for meanwhile
    try {
      const audio = await this.#withMicrophone();
      if (id === this.#calls) this.#follow(id, audio, stream, release);
      else release();
    } catch (error) {
      release();
      throw error;
    }
  }

  #follow(id, audio, stream, release) {
    const source = audio.createMediaStreamSource(stream);
    const mono = { channelCount: 1, channelCountMode: "explicit" };
    const microphone = new AudioWorkletNode(audio, "microphone", { numberOfOutputs: 0, ...mono });
    const resampler = new Resampler(audio.sampleRate);
    const speech = { id, codes: [], whole: false, done() {}, failed() {} };
    const delay = waited(this.facts.hears) + MIC_MARGIN;
    this.#speech = speech;
    this.#hearing.postMessage({ type: "listen", id });
    microphone.port.onmessage = ({ data }) => {
      if (!speech.clock) speech.first = speech.began = this.#due() + Math.ceil(delay * FPS);
      speech.since ??= performance.now() / 1000;
      speech.clock ??= () => performance.now() / 1000 - speech.since - delay;
      this.#hearing.postMessage({ type: "push", id, samples: resampler.push(data) });
    };
    source.connect(microphone);
    const ended = () => this.#speech === speech && this.stop();
    stream.getAudioTracks()[0]?.addEventListener("ended", ended, { once: true });
    this.#release = () => {
      source.disconnect();
      microphone.port.onmessage = null;
      microphone.port.postMessage("over");
      release();
    };
    this.#tell("listening", {});
  }

  /** Speak a text with the sound that `voice(text)` makes of it. */
  async say(text, voice) {
    if (!voice) throw new DOMException(NO_VOICE, "NotSupportedError");
    this.#check(this.#hearing);
    const id = ++this.#calls;
    this.#sound().catch(() => {}); // now, as browsers may ask for a touch
    const { samples, rate } = await voice(text);
    if (id === this.#calls) return this.speak(samples, rate); // or something else was asked for
  }

  /** Throws unless `what` is there of a head, and it hears. */
  #check(what) {
    if (this.#deaf) throw new Error(this.#deaf);
    if (!what) throw new DOMException(NO_HEAD, "InvalidStateError");
  }

  /** Be silent. */
  stop() {
    this.#calls++;
    this.#end();
  }

  /** What is spoken or listened to is over. */
  #end(error) {
    this.#release();
    this.#release = () => {};
    const speech = this.#speech;
    if (!speech) return;
    if (speech.clock) {
      const due = this.#due(); // the loop of poses goes on from the frame that is shown
      this.#began = performance.now() - ((due + 1) * 1000) / FPS;
      this.#asked = Math.min(this.#asked, due + AHEAD); // what was drawn beyond still speaks
      for (const [index, made] of this.#frames) if (index > this.#asked) this.#drop(index, made);
    }
    this.#speech = null;
    this.#hearing?.postMessage({ type: "stop" });
    if (error) speech.failed(error);
    else speech.done();
    this.#tell("idle", {});
  }

  #finish(due) {
    const speech = this.#speech;
    if (!speech?.whole || !speech.clock || due < speech.first + speech.codes.length) return;
    if (speech.clock() >= speech.sound.duration) this.#end(); // its last frame may be a part of one
  }

  async #sound() {
    this.#audio ??= new AudioContext();
    if (this.#audio.state !== "running") await Promise.race([this.#audio.resume(), refusal()]);
    return this.#audio;
  }

  async #withMicrophone() {
    const audio = await this.#sound();
    await audio.audioWorklet.addModule(new URL("./microphone.js", import.meta.url));
    return audio;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }
}

// Of two exports on one page the first one's code shows both.
if (!customElements.get("audioplane-head")) customElements.define("audioplane-head", AudioplaneHead);
