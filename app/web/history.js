// What was drawn before, kept in the browser as small pictures with their recipes.
import { byId, element, storage } from './dom.js';
import { openViewer } from './viewer.js';

const kKey = 'ddim-history';
const kMost = 48;
const kept = storage('localStorage');

const stored = () => {
  try { return JSON.parse(kept.get(kKey)) ?? []; } catch { return []; }
};

function store(entries) {
  // Fewer where there is no room.
  for (let most = kMost; most > 0 && !kept.set(kKey, JSON.stringify(entries.slice(0, most))); most = Math.floor(most / 2));
}

const dataUrl = (blob) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.readAsDataURL(blob);
});

let last = Promise.resolve();
/** One after the other: each reads what the one before has written. */
export const remember = (tile) => { last = last.then(() => add(tile)).catch(() => {}); };

async function add(tile) {
  const [picture, details] = await Promise.all([dataUrl(tile.blob), tile.details()]);
  if (picture.length > 100000) return;
  store([{ picture, ...details }, ...stored().filter((entry) => entry.picture !== picture)]);
  showHistory();
}

export function showHistory() {
  const entries = stored();
  const list = byId('history-list');
  const focused = Array.from(list.children).indexOf(document.activeElement);
  byId('history').hidden = entries.length === 0;
  list.replaceChildren(...entries.map((entry) => {
    const image = element('img', { alt: '', class: 'crisp' });
    image.src = entry.picture;
    const { seed, first_image: number = 0, steps, sampler } = entry.recipe;
    const label = `Seed ${seed}, number ${number}, ${steps ?? sampler} steps`;
    return element('button', { type: 'button', title: label, 'aria-label': label,
      onclick: () => openViewer({
        label, image,
        details: async () => entry,
        get blob() { return fetchBlob(entry.picture); },
      }) }, image);
  }));
  if (focused >= 0) list.children[Math.min(focused, entries.length - 1)]?.focus();
}

/** Without a request: the page may not fetch data. */
function fetchBlob(url) {
  const bytes = Uint8Array.from(atob(url.split(',')[1]), (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: 'image/png' });
}

byId('history-clear').addEventListener('click', () => {
  kept.remove(kKey);
  showHistory();
  document.querySelector('#tabs [aria-selected=true]').focus();  // the button is gone
});
