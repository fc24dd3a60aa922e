// Encode: a picture becomes the noise that it would be drawn from, and comes back; or a part of it is drawn anew.
import { element, say, seconds, statusLine } from './dom.js';
import { persist, upload } from './api.js';
import { dispose, place, run, Tile } from './pictures.js';
import { randomSeed, Settings, shared } from './settings.js';
import { actions } from './viewer.js';

export const title = 'Encode and mend';

const kWays = ['One way', 'Two ways', 'Three ways', 'Four ways'];

export function build(panel) {
  const settings = new Settings(['class', 'steps'], { steps: 50 });
  const other = element('select', { id: 'decode-as' });
  const otherBox = element('div', { class: 'label', hidden: true }, element('label', { for: 'decode-as' }, 'Decode as'), other);
  const status = statusLine();
  const file = element('input', { type: 'file', accept: 'image/*', id: 'picture-file' });
  const drop = element('div', { class: 'drop label' }, element('label', { for: 'picture-file' }, 'Drop a picture here, or choose one'), file);
  const noisy = element('input', { type: 'checkbox', checked: true });
  const encode = element('button', { class: 'main', disabled: true }, 'Encode it and decode it again');
  const form = element('form', { class: 'card', 'aria-label': 'What to encode' }, drop, settings.box, otherBox,
    element('label', { class: 'inline', title: 'Pictures of 256 levels become continuous, as the network was trained' }, noisy,
      'Add noise of about a grey level first'), encode);

  const canvas = element('canvas', { class: 'big crisp pad', tabindex: 0, role: 'application',
    'aria-label': 'The picture. Paint over what is to be drawn anew; with the keyboard move by arrows and paint by the space bar.' });
  const own = element('figure', { hidden: true }, canvas, element('figcaption', {}, 'Your picture; paint over what is to be drawn anew'));
  const code = element('div', {}), back = element('div', {});
  const codeFigure = element('figure', { hidden: true }, code, element('figcaption', {}, 'Its code, x_T'));
  const walkFrom = element('button', { type: 'button', hidden: true }, 'Walk from it');
  codeFigure.append(walkFrom);
  const backFigure = element('figure', { hidden: true }, back, element('figcaption', {}, 'The code, decoded'));
  const brush = element('input', { type: 'range', min: 1, max: 12, value: 3, id: 'brush' });
  const mend = element('button', { type: 'button', disabled: true }, 'Draw the painted part anew');
  const clear = element('button', { type: 'button', class: 'quiet' }, 'Remove the paint');
  const tools = element('div', { class: 'label tools', hidden: true }, element('label', { for: 'brush' }, 'Brush'), brush,
    element('div', { class: 'row' }, mend, clear));
  const mended = element('div', { class: 'tiles' });
  panel.append(form, element('div', { class: 'results' },
    element('p', { class: 'intro' }, 'With eta 0 sampling can be run backwards: a picture becomes a code, and the code becomes nearly ' +
      'the same picture; the more steps, the nearer. What is changed in between is up to you: decode with another class, or walk from it.'),
    status.line, element('div', { class: 'beside' }, own, codeFigure, backFigure), tools, mended));

  let picture = null, mask = null, image = null, at = [0, 0], busy = false;
  let codeOf = null;  // the model that made the code
  /** A code is of its model, and means nothing to another. */
  function showWalk() { walkFrom.hidden = codeOf !== shared.model.name; }
  function enableButtons() {
    encode.disabled = busy || !picture;
    mend.disabled = busy || !mask?.includes(1) || !mask.includes(0);
  }
  /** One job at a time: the status line is that of one. */
  function setBusy(now) {
    busy = now;
    enableButtons();
  }

  function paintPicture() {
    const { width, height } = canvas;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, width, height);
    context.fillStyle = 'rgb(255 80 80 / .6)';
    mask.forEach((painted, k) => { if (painted) context.fillRect(k % width, Math.floor(k / width), 1, 1); });
    enableButtons();
  }
  /** From there to here, so that a quick stroke has no gaps. */
  function paint([fromX, fromY], [x, y]) {
    const radius = Number(brush.value) - 0.5;
    const length = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
    for (let k = 0; k <= length; ++k) {
      const [midX, midY] = [fromX + (x - fromX) * k / length, fromY + (y - fromY) * k / length];
      for (let v = 0; v < canvas.height; ++v)
        for (let u = 0; u < canvas.width; ++u)
          if ((u - midX) ** 2 + (v - midY) ** 2 <= radius ** 2) mask[v * canvas.width + u] = 1;
    }
    paintPicture();
  }
  let stroke = null;  // where the last point of it was
  const point = (event) => {
    if (!image || (event.type === 'pointermove' && !event.buttons)) return;
    if (event.type === 'pointerdown') {
      stroke = null;
      canvas.setPointerCapture(event.pointerId);  // it may leave the picture and come back
    }
    const box = canvas.getBoundingClientRect();
    const here = [Math.floor((event.clientX - box.left) / box.width * canvas.width),
      Math.floor((event.clientY - box.top) / box.height * canvas.height)];
    paint(stroke ?? here, here);
    stroke = here;
  };
  canvas.addEventListener('pointerdown', point);
  canvas.addEventListener('pointermove', point);
  canvas.addEventListener('keydown', (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!image || !(event.key in moves || event.key === ' ')) return;
    event.preventDefault();
    if (event.key === ' ') return paint(at, at);
    at = at.map((place, k) => Math.max(0, Math.min([canvas.width, canvas.height][k] - 1, place + moves[event.key][k])));
    paintPicture();
    const context = canvas.getContext('2d');
    context.strokeStyle = '#f00';
    context.strokeRect(at[0] - 0.5, at[1] - 0.5, 2, 2);
  });
  clear.addEventListener('click', () => { mask.fill(0); paintPicture(); });

  let takes = 0;
  let wanted = new AbortController();  // what is made of the picture that is there
  async function take({ blob, name }) {
    if (!shared.model) return;
    const token = ++takes;
    const loaded = new Image();
    loaded.src = URL.createObjectURL(blob);
    try {
      await loaded.decode();
    } catch {
      return status.fail('This is no picture that the browser can show.');
    } finally {
      URL.revokeObjectURL(loaded.src);
    }
    if (token !== takes) return;  // another was taken since
    wanted.abort();
    wanted = new AbortController();
    picture = { blob, name };
    const { width, height } = shared.model;
    Object.assign(canvas, { width, height });
    canvas.style.setProperty('--aspect', `${width} / ${height}`);
    image = fitted(loaded, width, height);
    mask = new Uint8Array(width * height);
    at = [Math.floor(width / 2), Math.floor(height / 2)];
    own.hidden = tools.hidden = false;
    codeFigure.hidden = backFigure.hidden = walkFrom.hidden = true;
    codeOf = null;
    dispose(mended);
    if (!busy) status.show('');
    paintPicture();
  }
  /** The largest centred part of the model's proportions, as the server does it. */
  function fitted(loaded, width, height) {
    const scale = Math.max(width / loaded.width, height / loaded.height);
    const copy = element('canvas', { width, height });
    copy.getContext('2d').drawImage(loaded, (width - loaded.width * scale) / 2, (height - loaded.height * scale) / 2,
      loaded.width * scale, loaded.height * scale);
    return copy;
  }
  file.addEventListener('change', () => {
    if (file.files[0]) take({ blob: file.files[0], name: file.files[0].name });
    file.value = '';  // so that the same can be chosen again
  });

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy || !picture) return;
    setBusy(true);
    const { signal } = wanted;
    try {
      const fields = settings.fields();
      const { blob, name } = picture;
      walkFrom.hidden = true;
      codeOf = null;
      const show = async (job, box, label) => {
        const tile = new Tile(label);
        await persist(() => tile.finish(job.job, 0));
        if (signal.aborted) return;
        dispose(box);
        box.append(tile.button);
        box.parentElement.hidden = false;
      };
      const encoded = await run(async () => ({ ...fields, task: 'encode', pictures: [await upload(blob, name)],
        resize: 'crop-resize', dequantise: noisy.checked ? 'uniform' : 'none' }), status, [], { what: 'Encoding', signal });
      if (encoded) await show(encoded, code, 'Code');
      if (encoded && !signal.aborted) {
        codeOf = fields.model;
        showWalk();
        walkFrom.onclick = () => actions.walk({ ...fields, code: encoded.job.id });
        const { steps, ...rest } = fields;
        if (other.value) rest.class = Number(other.value);
        const decoded = await run({ ...rest, task: 'decode', codes: encoded.job.id }, status, [], { what: 'Decoding', signal });
        if (decoded) await show(decoded, back, 'Decoded');
        if (decoded && !signal.aborted) {
          const { variance } = encoded.results.statistics;
          status.show(`${steps} steps each way, ${seconds(encoded.seconds + decoded.seconds)}. The code's variance is ${variance.value.toFixed(3)}; that of noise is 1.`);
          say('The picture is encoded and decoded.');
        }
      }
    } catch (error) {
      if (!signal.aborted) status.fail(error.message);
    } finally {
      setBusy(false);
    }
  });

  mend.addEventListener('click', async () => {
    setBusy(true);
    const { signal } = wanted;
    try {
      const { width, height } = canvas;
      const black = element('canvas', { width, height });
      const context = black.getContext('2d');
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#fff';
      mask.forEach((painted, k) => { if (painted) context.fillRect(k % width, Math.floor(k / width), 1, 1); });
      const { blob: own, name } = picture;
      const blob = await new Promise((resolve) => black.toBlob(resolve, 'image/png'));
      if (signal.aborted) return;
      const count = Math.min(kWays.length, shared.mostPictures);
      const fields = { ...settings.fields(), count, seed: randomSeed(), preview_every: 4, resize: 'crop-resize' };
      const withFiles = async () => ({ ...fields, init_image: await upload(own, name), mask: await upload(blob, 'mask.png') });
      const job = await run(withFiles, status, place(mended, count, (k) => `Mended ${k + 1}`), { what: 'Mending', signal });
      if (job) {
        status.show(`${kWays[count - 1]} to mend it, in ${seconds(job.results.sampling_seconds)}.`);
        say('The pictures are mended.');
      }
    } catch (error) {
      if (!signal.aborted) status.fail(error.message);
    } finally {
      setBusy(false);
    }
  });
  /** What depends on the model: a picture that is there is fitted to it anew. */
  function refresh() {
    settings.refresh();
    otherBox.hidden = settings.classBox.hidden;
    const before = other.value;
    other.replaceChildren(element('option', { value: '' }, 'The same class'),
      ...Array.from(settings.classes.options, (option) => element('option', { value: option.value }, option.text)));
    other.value = before;
    if (!other.value) other.value = '';  // which the model does not have
    showWalk();
    const { width, height } = shared.model;
    if (picture && (canvas.width !== width || canvas.height !== height)) take(picture);
  }
  return { refresh, take, focus: () => encode.focus() };
}
