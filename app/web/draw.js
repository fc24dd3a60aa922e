// Draw: pictures appear as they form.
import { element, plural, say, seconds, statusLine } from './dom.js';
import { upload } from './api.js';
import { place, run } from './pictures.js';
import { Settings, shared } from './settings.js';

export const title = 'Draw';

export function build(panel) {
  const settings = new Settings(['class', 'steps', 'count', 'seed', 'sampler', 'clip'], { inTurn: true });
  const status = statusLine();
  const tiles = element('div', { class: 'tiles' });
  const empty = element('p', { class: 'empty' }, 'Nothing is drawn yet. Press Draw.');
  const button = element('button', { class: 'main' }, 'Draw');
  const strength = element('input', { type: 'range', min: 0.05, max: 1, step: 0.05, value: 0.8, id: 'strength' });
  const startImage = element('img', { alt: 'The picture that is gone on from', class: 'crisp' });
  const start = element('div', { class: 'label', hidden: true },
    element('div', { class: 'chip' }, startImage, 'Goes on from this picture',
      element('button', { type: 'button', class: 'quiet', onclick: () => { from = null; start.hidden = true; } }, 'Do not')),
    element('label', { for: 'strength' }, 'How much of it is drawn anew'), strength);
  let from = null;
  let drawing = false;

  const form = element('form', { class: 'card', 'aria-label': 'What to draw' }, settings.box, start, button);
  panel.append(form, element('div', { class: 'results' }, status.line, empty, tiles));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (drawing || !shared.model) return;
    drawing = button.disabled = true;
    const fields = { ...settings.fields(), preview_every: 0 };
    fields.preview_every = Math.max(1, Math.round((fields.steps ?? 20) / 15));
    empty.hidden = true;
    try {
      const picture = from;
      if (picture) Object.assign(fields, { strength: Number(strength.value), resize: 'crop-resize' });
      const withStart = async () => picture ? { ...fields, init_image: await upload(picture.blob, picture.name) } : fields;
      const job = await run(withStart, status, place(tiles, fields.count));
      if (job) {
        status.show(`${plural(fields.count, 'picture')} in ${seconds(job.results.sampling_seconds)}, ` +
          `${plural(job.results.nfe, 'network call')} each`);
        say('The pictures are done.');
      }
    } catch (error) {
      status.fail(error.message);
    }
    drawing = button.disabled = false;
  });
  return {
    refresh: () => settings.refresh(),
    use(recipe) {
      const unknown = settings.use(recipe);
      const hint = shared.model.recipe_name === recipe.model ? '' : ` It was drawn with the model ${recipe.model}.`;
      status.show(`These are the settings of the picture.${hint}` + (unknown.length ? ` Not set: ${unknown.join(', ')}.` : ''));
      button.focus();
    },
    goOnFrom(picture) {
      from = picture;
      URL.revokeObjectURL(startImage.src);
      startImage.src = URL.createObjectURL(picture.blob);
      start.hidden = false;
      button.focus();
    },
  };
}
