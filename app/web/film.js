// Film: x_t and predicted x_0 along the steps.
import { element, say, statusLine } from './dom.js';
import { persist } from './api.js';
import { dispose, run, Tile } from './pictures.js';
import { Settings, shared } from './settings.js';

export const title = 'Film';

const kFrames = 12;

export function build(panel) {
  const settings = new Settings(['class', 'steps', 'seed', 'sampler', 'clip'], { steps: 50 });
  const status = statusLine();
  const button = element('button', { class: 'main' }, 'Draw the film');
  const form = element('form', { class: 'card', 'aria-label': 'What to film' }, settings.box, button);
  const strip = element('div', { class: 'film', tabindex: 0, role: 'region', 'aria-label': 'The film' });
  panel.append(form, element('div', { class: 'results' },
    element('p', { class: 'intro' }, 'Above, what the sampler holds at each t; below, what the network takes it for: the finished ' +
      'picture, as far as it can tell.'),
    status.line, strip));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!shared.model) return;
    button.disabled = true;
    const { model } = shared;  // another may be chosen meanwhile
    dispose(strip);
    const job = await run({ ...settings.fields(), task: 'filmstrip', frames: kFrames }, status, [], { what: 'Filming' });
    if (job) {
      const times = job.results.frames;
      const row = (kind, name) => element('tr', {}, element('th', { scope: 'row' }, name), ...times.map((t, f) => {
        const tile = new Tile(`${name} at ${t < 0 ? 'the end' : `t = ${t}`}`, model);
        persist(() => tile.finish(job.job, 0, { frame: `${f}/${kind}` })).catch((error) => status.fail(error.message));
        return element('td', {}, tile.button);
      }));
      strip.append(element('table', {}, element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, 't'),
        ...times.map((t) => element('th', { scope: 'col' }, t < 0 ? 'done' : String(Math.round(t)))))),
      element('tbody', {}, row('x_t', 'x_t'), row('x_0', 'predicted x_0'))));
      status.show(`${times.length} frames of ${job.results.nfe} steps`);
      say('The film is done.');
    }
    button.disabled = false;
  });
  return { refresh: () => settings.refresh() };
}
