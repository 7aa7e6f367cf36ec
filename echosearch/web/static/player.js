// Cines on canvases, frame by frame, on one clock.
//
// WebCodecs decodes every frame once into an ImageBitmap; where it is missing (no TLS, no localhost) or the frames would
// take too much memory, a <video> is sought to the middle of each frame, where every browser shows that frame.

import { ask, onKey, refusal, stillness, words } from './app.js';

const MOST_BYTES = 320 * 1024 * 1024; // of one cine's decoded frames
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4];

/** A cine: ``times`` are seconds, one more than there are frames. */
export class Cine {
  constructor(canvas, table) {
    this.canvas = canvas;
    this.times = [...table.samples.map(sample => sample[3]), table.end].map(ticks => ticks / table.timescale);
    this.frames = table.samples.length;
    this.seconds = this.times[this.frames];
    this.known = table.time_known;
    this.rate = this.frames / this.seconds;
    this.beat = null;
    this.shown = -1;
    canvas.width = table.width;
    canvas.height = table.height;
    this.context = canvas.getContext('2d');
  }

  /** The frame that is shown at this moment. */
  at(seconds) {
    let low = 0, high = this.frames - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= seconds) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  middle(frame) {
    return (this.times[frame] + this.times[frame + 1]) / 2;
  }

  /** Show the frame once more: what is drawn over it has changed. */
  again() {
    const frame = this.shown;
    this.shown = -1;
    if (frame >= 0) this.show(frame);
  }

  close() {}
}

class DecodedCine extends Cine {
  async fill(data, table) {
    this.pictures = new Array(this.frames);
    const copies = [];
    const numbers = new Map();
    let failure = null;
    const decoder = new VideoDecoder({
      output: frame => {
        const number = numbers.get(frame.timestamp);
        // a decoder stalls at some ten open frames: each is closed when its copy is there
        copies.push(createImageBitmap(frame).then(picture => { this.pictures[number] = picture; }).finally(() => frame.close()));
      },
      error: problem => { failure = problem; },
    });
    decoder.configure({ codec: table.codec, codedWidth: table.width, codedHeight: table.height });
    table.samples.forEach(([offset, size, key, ticks], number) => {
      const timestamp = Math.round(ticks * 1e6 / table.timescale);
      numbers.set(timestamp, number);
      decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp, data: data.subarray(offset, offset + size) }));
    });
    await decoder.flush();
    decoder.close();
    await Promise.all(copies);
    if (failure) throw failure;
    return this;
  }

  show(frame) {
    if (frame === this.shown || !this.pictures[frame]) return;
    this.context.drawImage(this.pictures[frame], 0, 0);
    this.over?.(frame);
    this.shown = frame;
    this.canvas.dataset.frame = String(frame);
  }

  close() {
    for (const picture of this.pictures ?? []) picture?.close();
  }
}

class SoughtCine extends Cine {
  async fill(place) {
    this.video = document.createElement('video');
    this.video.muted = true;
    this.video.preload = 'auto';
    this.video.src = place;
    await new Promise((done, failed) => {
      this.video.addEventListener('loadeddata', done, { once: true });
      this.video.addEventListener('error', () => failed(this.video.error), { once: true });
    });
    this.video.addEventListener('seeked', () => {
      this.context.drawImage(this.video, 0, 0);
      this.over?.(this.asked);
      this.shown = this.asked;
      this.canvas.dataset.frame = String(this.asked);
      this.show(this.wanted);
    });
    return this;
  }

  show(frame) {
    this.wanted = frame; // while another is sought: it is next
    if (this.video.seeking || frame === this.shown) return;
    this.asked = frame;
    this.video.currentTime = this.middle(frame);
  }

  close() {
    this.video.removeAttribute('src');
  }
}

/** Open a cine on a canvas; throws an Error whose message is for people. */
export async function openCine(canvas, key, size) {
  const api = `/api/v1/videos/${key}`;
  const [answer, table] = await ask(`${api}/samples?size=${size}`);
  if (!answer.ok) throw new Error(`${words.no_preview}: ${refusal(table)}`);
  const place = `${api}/preview.mp4?size=${size}`;
  const bytes = table.width * table.height * 4 * table.samples.length;
  if ('VideoDecoder' in window && bytes <= MOST_BYTES && !new URLSearchParams(location.search).has('sought')) {
    const data = new Uint8Array(await (await fetch(place)).arrayBuffer());
    try {
      return await new DecodedCine(canvas, table).fill(data, table);
    } catch { /* this browser lacks the codec */ }
  }
  return new SoughtCine(canvas, table).fill(place);
}

/** Plays cines in step: in real time, or one beat of each stretched to the first one's. */
export class Clock {
  constructor(root) {
    this.root = root;
    this.cines = [];
    this.now = 0; // seconds since the begin of the first
    this.speed = 1;
    this.playing = false;
    this.byBeat = false;
    this.last = null;
    const act = name => () => this[name]();
    const doing = { back: () => this.step(-1), play: act('toggle'), forward: () => this.step(1), slower: () => this.faster(-1), faster: () => this.faster(1), beat: act('toggleBeat') };
    for (const each of root.querySelectorAll('button[data-do]')) each.addEventListener('click', doing[each.dataset.do]);
    this.slider = root.querySelector('[data-do="seek"]');
    this.slider.addEventListener('input', () => this.seek(Number(this.slider.value)));
    onKey([' '], event => event.target.closest?.('button, a, summary, input') && event.target !== this.slider ? false : this.toggle());
    onKey([','], () => this.step(-1));
    onKey(['.'], () => this.step(1));
    onKey(['['], () => this.faster(-1));
    onKey([']'], () => this.faster(1));
    onKey(['p'], () => this.play(!this.playing));
    if (root.querySelector('[data-do="beat"]')) onKey(['b'], () => this.toggleBeat());
    const all = document.getElementById('pause-all');
    all?.addEventListener('click', () => this.play(!this.playing));
    this.all = all;
  }

  /** Show these cines in place of others, and play unless stillness is wanted. */
  load(cines) {
    for (const old of this.cines) if (!cines.includes(old)) old.close();
    this.cines = cines;
    this.now = 0;
    this.slider.max = String(cines[0].frames - 1);
    this.root.querySelector('[data-show="rate"]').textContent = cines[0].known ? `${cines[0].rate.toFixed(1)} fps` : words.no_time;
    this.play(!stillness.matches);
    this.draw();
  }

  get length() {
    return this.byBeat ? this.cines[0].beat ?? this.cines[0].seconds : this.cines[0].seconds;
  }

  /** Where a cine is at this moment of the clock. */
  place(cine) {
    if (!this.byBeat) return this.now % cine.seconds;
    return (this.now % this.length) / this.length * Math.min(cine.beat ?? cine.seconds, cine.seconds);
  }

  draw() {
    for (const cine of this.cines) cine.show(cine.at(this.place(cine)));
    const first = this.cines[0], frame = first.at(this.place(first));
    this.slider.value = String(frame);
    this.root.querySelector('[data-show="frame"]').textContent = `${frame + 1}/${first.frames}`;
  }

  tick(time) {
    if (!this.playing) return;
    if (this.last !== null) this.now += (time - this.last) / 1000 * this.speed;
    this.last = time;
    this.draw();
    requestAnimationFrame(next => this.tick(next));
  }

  play(on) {
    if (on === this.playing) return;
    this.playing = on;
    this.last = null;
    this.root.querySelector('[data-do="play"]').classList.toggle('playing', on);
    this.all?.setAttribute('aria-pressed', String(!on));
    if (on) requestAnimationFrame(time => this.tick(time));
  }

  toggle() {
    this.play(!this.playing);
  }

  /** Go to a frame of the first cine, and the others to the same moment. */
  seek(frame) {
    this.play(false);
    const first = this.cines[0];
    if (!first) return;
    const place = first.middle(frame);
    this.now = this.byBeat ? place / Math.min(first.beat ?? first.seconds, first.seconds) * this.length : place;
    this.draw();
  }

  step(by) {
    const first = this.cines[0];
    if (!first) return;
    this.play(false);
    const last = this.byBeat ? first.at(Math.min(this.length, first.seconds) - 1e-6) + 1 : first.frames;
    this.seek((first.at(this.place(first)) + by + last) % last);
  }

  faster(by) {
    const place = Math.min(Math.max(SPEEDS.indexOf(this.speed) + by, 0), SPEEDS.length - 1);
    this.speed = SPEEDS[place];
    this.root.querySelector('[data-show="speed"]').textContent = `${this.speed}×`;
  }

  toggleBeat() {
    this.byBeat = !this.byBeat;
    this.now = 0;
    this.root.querySelector('[data-do="beat"]').setAttribute('aria-pressed', String(this.byBeat));
    this.draw();
  }
}
