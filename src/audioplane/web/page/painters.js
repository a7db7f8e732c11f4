// Workers that draw a head's frames: as many as the time that the first one takes for a frame asks for.

const SLOW = 22, MOST = 4; // milliseconds of a frame that one worker may take; workers

/** A thread of worker.js; `failed({message})` is also told where it cannot be loaded, of which browsers
 * say no more than that it failed. */
export function startWorker(answered, failed) {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => answered(data, worker);
  worker.onerror = ({ message }) => failed({ message: message || "worker.js could not be loaded" });
  return worker;
}

export class Painters {
  #workers = [];
  #asking;
  #first;
  #on;
  milliseconds = 0; // of the last frame
  ready = 0; // workers

  /**
   * `first` is the message that tells a worker what it draws (worker.js). `on` has `ready()`, called
   * once, `frame({index, buffer})` (RGBA) or `frame({index, image})` (a bitmap) and `error({message})`.
   */
  constructor(first, on) {
    this.#first = first;
    this.#on = on;
    this.#add();
  }

  #add() {
    const answered = (data, from) => this.#answers[data.type](data, from);
    const worker = startWorker(answered, (error) => this.#on.error(error));
    worker.busy = true;
    worker.postMessage({ type: "draw", ...this.#first });
    this.#workers.push(worker);
  }

  #answers = {
    draws: ({ milliseconds, by, still }, worker) => {
      worker.busy = false;
      worker.draws = true;
      this.by = by;
      this.still = still;
      this.milliseconds = milliseconds;
      if (++this.ready > 1) return;
      const cores = navigator.hardwareConcurrency || 2;
      const most = cores > 1 ? Math.min(MOST, Math.max(2, cores - 1)) : 1;
      const wanted = Math.min(Math.ceil(milliseconds / SLOW), most);
      for (let n = 1; n < wanted; n++) this.#add();
      this.#on.ready();
      if (!this.#first.by) this.#askForGpu();
    },
    compared: ({ milliseconds, by }) => {
      if (by !== "webgl") return;
      this.by = by;
      this.milliseconds = milliseconds;
      for (const worker of this.#workers.splice(1)) worker.terminate();
      this.ready = 1;
    },
    frame: (frame, worker) => {
      worker.busy = false;
      this.milliseconds = frame.milliseconds;
      this.#on.frame(frame);
    },
    still: () => {
      this.still = true;
      for (const worker of this.#workers) if (worker.draws) worker.postMessage({ type: "still" });
    },
    error: (error, worker) => {
      worker.busy = !worker.draws; // a frame that failed is not the last one
      this.#on.error(error);
    },
  };

  /** In a worker of its own, while the kernels draw: it may take long. */
  #askForGpu() {
    const answered = ({ is }, asking) => {
      asking.terminate();
      if (is) this.#workers[0]?.postMessage({ type: "compare" });
    };
    const asking = (this.#asking = startWorker(answered, () => {}));
    asking.postMessage({ type: "gpu" });
  }

  /** A function that lets a worker draw a frame; none while all are busy. */
  get free() {
    const worker = this.#workers.find(({ busy }) => !busy);
    return worker && ((frame) => {
      worker.busy = true;
      worker.postMessage({ type: "frame", ...frame }, frame.buffer ? [frame.buffer] : []);
    });
  }

  close() {
    this.#asking?.terminate();
    for (const worker of this.#workers) worker.terminate();
    this.#workers = [];
  }
}
