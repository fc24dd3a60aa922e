// Steps against quality: the same noise in more and more steps.
import { element, seconds, say, statusLine } from './dom.js';
import { dispose, place, run } from './pictures.js';
import { Settings, shared } from './settings.js';

export const title = 'Steps against quality';

const kSteps = [5, 10, 20, 50, 100];

export function build(panel) {
  const settings = new Settings(['class', 'count', 'seed', 'sampler'], { count: 4, max: 8, inTurn: true,
    without: ['adaptive'] });  // which chooses its steps itself
  const status = statusLine();
  const button = element('button', { class: 'main' }, 'Compare');
  const form = element('form', { class: 'card', 'aria-label': 'What to compare' }, settings.box, button);
  const rows = element('tbody', {});
  const table = element('table', { class: 'compare' }, rows);
  panel.append(form, element('div', { class: 'results' },
    element('p', { class: 'intro' }, 'Each column begins with the same noise. With eta 0 the picture is decided by it: few steps ' +
      'draw nearly the same picture as many, only rougher.'),
    status.line, table));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!shared.model) return;
    button.disabled = true;
    const { model } = shared;  // another may be chosen meanwhile
    const fields = settings.fields();
    dispose(rows);
    let cancelled = false;
    for (const steps of kSteps.filter((count) => count <= model.T)) {
      const time = element('small', {}, '…');
      const box = element('div', { class: 'tiles' });
      rows.append(element('tr', {}, element('th', { scope: 'row' }, `${steps} steps`, time), element('td', {}, box)));
      const tiles = place(box, fields.count, (k) => `Picture ${k + 1} in ${steps} steps`, model);
      box.classList.remove('few');
      box.classList.add('beside-others');
      box.style.setProperty('--columns', fields.count);
      const job = await run({ ...fields, steps, preview_every: Math.max(1, Math.round(steps / 10)) }, status, tiles,
        { what: `${steps} steps`, keep: false });
      if (!job) { cancelled = true; break; }
      time.textContent = seconds(job.results.sampling_seconds);
    }
    if (!cancelled) {
      status.show('Done.');
      say('The comparison is done.');
    }
    button.disabled = false;
  });
  return { refresh: () => settings.refresh() };
}
