// Images that wait for their time. Each holds a megabyte until its bitmap is closed, which nothing but
// this does: hidden pages are never asked to draw.
export class WaitingImages {
  constructor(most) {
    this.most = most;
    this.images = [];
  }

  // `{ index, bitmap, … }`; where too many wait, the oldest goes.
  add(image) {
    this.images.push(image);
    while (this.images.length > this.most) this.images.shift().bitmap.close();
  }

  // The newest image up to frame `at`, which the caller has to close; those before it are dropped.
  take(at) {
    const due = this.images.filter((image) => image.index <= at);
    this.images = this.images.filter((image) => image.index > at);
    due.sort((a, b) => a.index - b.index);
    const newest = due.pop();
    for (const image of due) image.bitmap.close();
    return newest;
  }

  clear() {
    for (const image of this.images) image.bitmap.close();
    this.images = [];
  }
}
