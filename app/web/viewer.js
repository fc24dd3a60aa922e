// One picture, enlarged: its recipe, the command that makes it, and what can be done with it.
import { byId, element, say } from './dom.js';
import { fileBlob } from './api.js';
import { isOfSeed } from './png.js';

const kNames = { model: 'Model', sampler: 'Sampler', steps: 'Steps', tau: 'Tau', eta: 'Eta', sigma_hat: 'Sigma-hat', clip: 'Clip',
  seed: 'Seed', first_image: 'Number', class: 'Class', guidance: 'Guidance', strength: 'Strength', init_image: 'From', mask: 'Mask',
  size: 'Size', precision: 'Precision' };

/** Set by main.js: what the buttons do, given a recipe or a picture. */
export const actions = {};
let shown = null;

/** `tile` has label, image, blob and details(). */
export async function openViewer(tile) {
  shown = tile;
  byId('viewer-title').textContent = tile.label;
  byId('viewer-image').src = tile.image.src;
  byId('viewer-image').alt = tile.label;
  byId('viewer-download').href = tile.image.src;
  byId('viewer-recipe').replaceChildren();
  byId('viewer-command').value = '';
  byId('viewer-same').disabled = byId('viewer-copy').disabled = true;
  byId('viewer-files').hidden = true;
  byId('viewer-makes').textContent = 'The command that makes it';
  byId('viewer').showModal();
  try {
    tile.known ??= await tile.details();
  } catch (error) {
    if (shown === tile) byId('viewer-command').value = error.message;
    return;
  }
  if (shown !== tile) return;  // another is shown by now
  const { recipe, command, makes, files } = tile.known;
  if (makes === 'all') byId('viewer-makes').textContent = 'The command that makes all pictures of this job, in one file';
  showFiles(files ?? {});
  byId('viewer-command').value = command ?? '';
  byId('viewer-copy').disabled = !command;
  byId('viewer-same').disabled = !isOfSeed(recipe);
  // Of a picture that was drawn from a code they say nothing.
  const hasSeed = isOfSeed(recipe) || recipe.init_image || Number(recipe.eta) !== 0;
  const isShown = (key) => key in recipe && (hasSeed || !['seed', 'first_image'].includes(key));
  byId('viewer-recipe').replaceChildren(...Object.entries(kNames).filter(([key]) => isShown(key))
    .flatMap(([key, name]) => [element('dt', {}, name), element('dd', {}, recipe[key])]));
}

/** What the command reads, which can be saved beside it while the server has it. */
function showFiles(files) {
  const buttons = Object.entries(files).map(([name, address]) => element('button', { type: 'button', onclick: async (event) => {
    try {
      const link = element('a', { download: name, href: URL.createObjectURL(await fileBlob(address.replace(/^\//, ''))) });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } catch (error) {
      event.target.textContent = error.status === 404 ? `${name}: the server has forgotten it` : error.message;
    }
  } }, `Save ${name}`));
  byId('viewer-files').hidden = buttons.length === 0;
  byId('viewer-files').replaceChildren('It reads', ...buttons);
}

const close = () => byId('viewer').close();

byId('viewer-close').addEventListener('click', close);
byId('viewer').addEventListener('click', (event) => { if (event.target === byId('viewer')) close(); });
byId('viewer-copy').addEventListener('click', async () => {
  const field = byId('viewer-command');
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {  // not over http: the old way
    field.select();
    document.execCommand('copy');
  }
  byId('viewer-copy').textContent = 'Copied';
  say('The command is copied.');
  setTimeout(() => { byId('viewer-copy').textContent = 'Copy the command'; }, 1500);
});
byId('viewer-same').addEventListener('click', () => {
  close();
  actions.use(shown.known.recipe);
});
for (const name of ['from', 'encode'])
  byId(`viewer-${name}`).addEventListener('click', () => {
    close();
    actions[name]({ blob: shown.blob, name: 'start.png' });
  });
