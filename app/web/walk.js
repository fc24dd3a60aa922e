// Walk: between two codes on a line, or between four on a pad. All is drawn ahead, and then played.
import { element, say, statusLine } from './dom.js';
import { upload } from './api.js';
import { dispose, run, Tile } from './pictures.js';
import { randomSeed, Settings, shared } from './settings.js';

export const title = 'Walk';

const kLine = 16, kPad = 6;  // frames
/** The same, or fewer where the server draws no more in a job. */
const numOnLine = () => Math.min(kLine, shared.mostPictures);
const numOnPad = () => Math.min(kPad, Math.floor(Math.sqrt(shared.mostPictures)));

/** A seed, or a picture from a file. */
function endField(name, value) {
  const seed = element('input', { type: 'number', min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, value, required: true, 'aria-label': `${name}: seed`, class: 'wide' });
  const file = element('input', { type: 'file', accept: 'image/*', class: 'visually-hidden', tabindex: -1, 'aria-label': `${name}: picture` });
  const pick = element('button', { type: 'button', title: 'Begin at a picture of yours', onclick: () => {
    if (picked) { picked = null; seed.disabled = false; pick.textContent = 'Picture'; } else file.click();
  } }, 'Picture');
  let picked = null;
  file.addEventListener('change', () => {
    if (!file.files[0]) return;
    picked = file.files[0];
    file.value = '';
    seed.disabled = true;
    pick.textContent = `${picked.name.slice(0, 10)} ✕`;
  });
  const box = element('div', { class: 'label' }, element('span', {}, name), element('div', { class: 'row' }, seed, pick, file));
  return {
    box,
    set(to) { picked = null; seed.disabled = false; pick.textContent = 'Picture'; seed.value = to; },
    /** The code that a job of this model found. */
    setCode(id, model) { picked = { code: id, model }; seed.disabled = true; pick.textContent = 'Code ✕'; },
    /** Without a code that another model than this one found. */
    dropCode(model) { if (picked?.code && picked.model !== model) this.set(seed.value); },
    hide(off) { box.hidden = off; seed.disabled = off || picked !== null; },
    value: async () => picked?.code ? `codes:${picked.code}` : picked ? upload(picked, picked.name) : Number(seed.value),
  };
}

export function build(panel) {
  const settings = new Settings(['class', 'steps'], { steps: 20 });
  const status = statusLine();
  const ends = ['From', 'To', 'Below from', 'Below to'].map((name, k) => endField(name, [3, 24, 8, 5][k]));
  const four = element('input', { type: 'checkbox' });
  const button = element('button', { class: 'main' }, 'Draw the way');
  const dice = element('button', { type: 'button', onclick: () => ends.forEach((end) => end.set(randomSeed())) }, 'Other seeds');
  const form = element('form', { class: 'card', 'aria-label': 'Where to walk' }, ...ends.map((end) => end.box),
    element('label', { class: 'inline' }, four, 'Between four, on a pad'), dice, settings.box, button);

  const big = element('canvas', { class: 'big crisp', role: 'img', 'aria-label': 'The picture at this place' });
  const along = element('input', { type: 'range', min: 0, max: 1, step: 1, value: 0, id: 'along' });
  const down = element('input', { type: 'range', min: 0, max: 1, step: 1, value: 0, id: 'down' });
  const alongBox = element('div', { class: 'label' }, element('label', { for: 'along' }, 'Along'), along);
  const downBox = element('div', { class: 'label' }, element('label', { for: 'down' }, 'Down'), down);
  const play = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Play');
  const open = element('button', { type: 'button', onclick: () => shown?.button.click() }, 'Look closer');
  const stage = element('div', { class: 'stage', hidden: true }, big, alongBox, downBox,
    element('div', { class: 'row' }, play, open));
  panel.append(form, element('div', { class: 'results' },
    element('p', { class: 'intro' }, 'Noise is a code for a picture. Between two codes (by spherical interpolation) lie others, and ' +
      'each decodes to a picture that has something of both.'),
    status.line, stage));

  let tiles = [], columns = 0, shown = null, timer = 0;
  const showFour = () => {
    ends.slice(2).forEach((end) => end.hide(!four.checked));
  };
  four.addEventListener('change', showFour);
  showFour();

  function show() {
    shown = tiles[Number(down.value) * columns + Number(along.value)];
    const source = shown?.image ?? shown?.canvas;
    if (source) big.getContext('2d').drawImage(source, 0, 0);
    open.disabled = !shown?.image;
  }
  along.addEventListener('input', show);
  down.addEventListener('input', show);
  const point = (event) => {
    if (event.type === 'pointermove' && !event.buttons) return;
    const box = big.getBoundingClientRect();
    const at = (offset, size, most) => Math.max(0, Math.min(most, Math.round(offset / size * most)));
    along.value = at(event.clientX - box.left, box.width, Number(along.max));
    if (!downBox.hidden) down.value = at(event.clientY - box.top, box.height, Number(down.max));
    show();
  };
  big.addEventListener('pointerdown', point);
  big.addEventListener('pointermove', point);

  function setPlaying(on) {
    clearInterval(timer);
    play.textContent = on ? 'Stop' : 'Play';
    play.setAttribute('aria-pressed', String(on));
    timer = 0;
    if (!on) return;
    // There and back; on a pad row by row, every other from the right.
    const way = [];
    for (let y = 0; y <= Number(down.max) * !downBox.hidden; ++y)
      for (let x = 0; x < columns; ++x) way.push([y % 2 ? columns - 1 - x : x, y]);
    way.push(...way.slice(1, -1).reverse());
    let at = 0;
    timer = setInterval(() => {
      [along.value, down.value] = way[at++ % way.length];
      show();
    }, 120);
  }
  play.addEventListener('click', () => setPlaying(!timer));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!shared.model) return;
    setPlaying(false);
    button.disabled = true;
    try {
      const side = four.checked ? numOnPad() : numOnLine();
      if (side < 2) throw new Error('This server draws too few pictures in a job for a way.');
      columns = side;
      const count = four.checked ? columns * columns : columns;
      const fields = { ...settings.fields(), task: 'interpolate', frames: columns, preview_every: 2, resize: 'crop-resize' };
      const between = ends.slice(0, four.checked ? 4 : 2);
      const withEnds = async () => {
        const values = [];
        for (const end of between) values.push(await end.value());
        return { ...fields, ends: values };
      };
      const { width, height } = shared.model;
      Object.assign(big, { width, height });
      big.style.setProperty('--aspect', `${width} / ${height}`);
      big.classList.toggle('pad', true);
      along.max = columns - 1;
      down.max = columns - 1;
      downBox.hidden = !four.checked;
      along.value = down.value = 0;
      tiles = Array.from({ length: count }, (_, k) => new Tile(`Place ${k + 1} of ${count}`));
      const hidden = element('div', { hidden: true }, ...tiles.map((tile) => tile.button));
      const before = stage.querySelector('[data-tiles]');
      if (before) dispose(before);
      before?.remove();
      hidden.dataset.tiles = '';
      stage.append(hidden);
      stage.hidden = false;
      const look = setInterval(show, 100);
      const job = await run(withEnds, status, tiles, { what: 'Drawing the way', keep: false });
      clearInterval(look);
      show();
      if (job) {
        status.show(`${count} pictures on the way. Slide, drag in the picture, or play.`);
        say('The way is drawn.');
      }
    } catch (error) {
      status.fail(error.message);
    }
    button.disabled = false;
  });
  return {
    refresh() {
      settings.refresh();
      ends.forEach((end) => end.dropCode(shared.model.name));
      showFour();
    },
    /** Begins at a picture's code, with what it was encoded with. */
    from({ code, model, steps, ...fields }) {
      ends[0].setCode(code, model);
      settings.steps.set(steps);
      if (fields.class !== undefined) settings.classes.value = String(fields.class);
      if (fields.guidance !== undefined) settings.guidance.set(fields.guidance);
      status.show('From the code of your picture to that of a seed, or of another picture.');
      button.focus();
    },
  };
}
