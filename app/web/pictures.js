// Pictures of a job: as they form, and when they are done.
import { element } from './dom.js';
import { Job, fileBlob, getJson, persist } from './api.js';
import { shared } from './settings.js';
import { remember } from './history.js';
import { openViewer } from './viewer.js';

/** Where a picture will be: a button that shows previews, then the picture, and enlarges it. */
export class Tile {
  constructor(label, { width, height } = shared.model) {
    this.label = label;
    this.canvas = element('canvas', { width, height });
    this.button = element('button', { type: 'button', class: 'tile forming', 'aria-label': `${label}, forming`, disabled: true }, this.canvas);
    this.button.style.setProperty('--aspect', `${width} / ${height}`);
    this.button.addEventListener('click', () => openViewer(this));
  }
  /** Picture k of a row of pictures. */
  draw(image, k) {
    const { width, height } = this.canvas;
    this.canvas.getContext('2d').drawImage(image, k * width, 0, width, height, 0, 0, width, height);
  }
  async finish(job, k, { frame } = {}) {
    this.source = { job, k, frame };
    const file = frame ? `frames/${frame}/${k}.png` : `pictures/${k}.png`;
    this.blob = await fileBlob(job.url(file));
    const image = element('img', { alt: '' });
    image.src = URL.createObjectURL(this.blob);
    await image.decode().catch(() => {});
    this.canvas.replaceWith(image);
    this.image = image;
    this.button.disabled = false;
    this.button.classList.remove('forming');
    this.button.setAttribute('aria-label', `${this.label}, enlarge`);
  }
  /** What the server knows of it. */
  async details() { return getJson(this.source.job.url(`pictures/${this.source.k}.json`)); }
}

/**
 * Runs a job with a status line and tiles (which may be none); the description of the job when it is done, or null when it
 * failed or was cancelled, which the line says. `fields` may be a function that makes them, where they name uploads. What
 * `signal` aborts is not wanted any more: it is cancelled, and nothing is said of it.
 */
export async function run(fields, status, tiles, { what = 'Drawing', keep = true, signal } = {}) {
  let job;
  const cancel = () => job?.cancel();
  signal?.addEventListener('abort', cancel);
  try {
    status.show('Asking the server', null);
    job = await Job.start(typeof fields === 'function' ? fields : () => fields);
    status.stop.hidden = false;
    status.stop.onclick = cancel;
    if (signal?.aborted) cancel();
    const described = await job.follow({
      state: (state) => {
        if (state.state === 'waiting' && state.waiting_before > 0)
          status.show(`Waiting; before it: ${state.waiting_before}`, null);
        else if (state.state === 'running') status.show(what, null);
      },
      progress: (progress) => status.show(
        `${what}: ${progress.seconds_left === undefined ? '' : `${progress.seconds_left.toFixed(1)} s left`}`,
        progress.evaluations_done / progress.evaluations),
      preview: async (preview) => {
        const image = new Image();
        image.src = `data:image/png;base64,${preview.png}`;
        await image.decode();
        for (let k = 0; k < preview.count; ++k)
          if (tiles[preview.first + k]?.canvas.isConnected) tiles[preview.first + k].draw(image, k);
      },
    });
    if (signal?.aborted) return null;
    if (described.state === 'failed') throw new Error(described.error.message);
    if (described.state === 'cancelled') {
      status.fail('Cancelled.');
      return null;
    }
    await Promise.all(tiles.map((tile, k) => persist(() => tile.finish(job, k))));
    if (signal?.aborted) return null;
    if (keep) tiles.slice(0, 16).forEach((tile) => remember(tile));
    return { ...described, job };
  } catch (error) {
    status.fail(error.message);
    return null;
  } finally {
    const hadFocus = document.activeElement === status.stop;
    status.stop.hidden = true;
    if (signal?.aborted) status.show('');
    if (hadFocus) setTimeout(() => status.line.closest('.panel').querySelector('form .main').focus());
  }
}

/** Empties a box of tiles, and lets the browser forget their pictures. */
export function dispose(box) {
  for (const image of box.querySelectorAll('.tile img')) URL.revokeObjectURL(image.src);
  box.replaceChildren();
}

/** Puts tiles into a box, in place of what is there. */
export function place(box, count, label = (k) => `Picture ${k + 1}`, model = shared.model) {
  const tiles = Array.from({ length: count }, (_, k) => new Tile(label(k), model));
  box.classList.toggle('few', count <= 4);
  dispose(box);
  box.append(...tiles.map((tile) => tile.button));
  return tiles;
}
