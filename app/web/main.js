// The page: tabs, the model, themes, and pictures that are dropped on it.
import { byId, element, say, storage } from './dom.js';
import { fileBlob, getJson, hasKey, onComeback, showProblem, useKey } from './api.js';
import { shared } from './settings.js';
import { showHistory } from './history.js';
import { actions } from './viewer.js';
import { isOfSeed, isRecipe, pngText } from './png.js';
import * as draw from './draw.js';
import * as compare from './compare.js';
import * as walk from './walk.js';
import * as encode from './encode.js';
import * as film from './film.js';

const kTabs = { draw, compare, walk, encode, film };
const tabs = {};

function showOpenTab() {
  const { button } = Object.values(tabs).find((tab) => !tab.panel.hidden);
  const bar = byId('tabs');
  bar.scrollLeft = button.offsetLeft - (bar.clientWidth - button.offsetWidth) / 2;
}

function openTab(name, focus = false) {
  for (const [each, tab] of Object.entries(tabs)) {
    const isOpen = each === name;
    tab.button.setAttribute('aria-selected', String(isOpen));
    tab.button.tabIndex = isOpen ? 0 : -1;
    tab.panel.hidden = !isOpen;
  }
  showOpenTab();
  if (focus) tabs[name].button.focus();
  history.replaceState(null, '', `#${name}`);
}

function buildTabs() {
  const names = Object.keys(kTabs);
  for (const name of names) {
    const button = element('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `panel-${name}`,
      onclick: () => openTab(name) }, kTabs[name].title);
    const panel = element('section', { class: 'panel', role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}`, hidden: true });
    byId('tabs').append(button);
    byId('panels').append(panel);
    tabs[name] = { button, panel, ...kTabs[name].build(panel) };
  }
  byId('tabs').addEventListener('keydown', (event) => {
    const open = names.findIndex((name) => !tabs[name].panel.hidden);
    const next = { ArrowRight: open + 1, ArrowLeft: open - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    openTab(names.at(next % names.length), true);
  });
}

function chooseModel(name) {
  shared.model = shared.models.find((model) => model.name === name) ?? shared.models[0];
  Object.values(tabs).forEach((tab) => tab.refresh());
}

async function loadModels() {
  const { models, choices, most_pictures: mostPictures } = await getJson('api/models');
  const before = byId('model').value;
  Object.assign(shared, { models, choices, mostPictures });
  byId('model').replaceChildren(...models.map((model) =>
    element('option', { value: model.name }, `${model.name}, ${model.width}×${model.height}`)));
  if (models.some((model) => model.name === before)) byId('model').value = before;
  chooseModel(byId('model').value);
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

/** Shows what a recipe says, with its model where that is served. */
function use(recipe) {
  const served = shared.models.find((model) => model.recipe_name === recipe.model);
  if (served && shared.model.recipe_name !== recipe.model) {
    byId('model').value = served.name;
    chooseModel(served.name);
  }
  openTab('draw');
  tabs.draw.use(recipe);
}

async function takeFile(file) {
  const text = await pngText(file).catch(() => null);
  if (shared.model && isRecipe(text) && isOfSeed(text)) {
    use(text);
    say('The settings of the picture are set.');
  } else {
    openTab('encode');
    tabs.encode.take({ blob: file, name: file.name });
  }
}

function listenForFiles() {
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.add('dragging');
  });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) document.body.classList.remove('dragging'); });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove('dragging');
    const onEncode = event.target.closest?.('#panel-encode');
    const file = event.dataTransfer.files[0];
    if (!file) return;
    if (onEncode) tabs.encode.take({ blob: file, name: file.name });
    else takeFile(file);
  });
}

/** What is drawn before can be looked at before there is a model, and no more. */
const withModel = (work) => (...given) => shared.model ? work(...given) : showProblem('The models are not loaded yet.');
Object.assign(actions, {
  use: withModel(use),
  from: withModel((picture) => { openTab('draw'); tabs.draw.goOnFrom(picture); }),
  encode: withModel(async (picture) => { openTab('encode'); await tabs.encode.take(picture); tabs.encode.focus(); }),
  walk: withModel((code) => { openTab('walk'); tabs.walk.from(code); }),
});

setTheme(storage('localStorage').get('ddim-theme'));
byId('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  setTheme(isDark ? 'light' : 'dark');
  storage('localStorage').set('ddim-theme', root.dataset.theme);
});
byId('model').addEventListener('change', () => chooseModel(byId('model').value));
byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (useKey(byId('key').value.trim())) start();
});
// A link takes no key along.
byId('openapi').addEventListener('click', async (event) => {
  if (!hasKey()) return;
  event.preventDefault();
  try {
    open(URL.createObjectURL(await fileBlob('api/openapi.json')));
  } catch (error) {
    showProblem(error.message);
  }
});

async function start() {
  try {
    await loadModels();
    document.body.dataset.ready = '';
  } catch (error) {
    if (error.status !== 0 && error.status !== 401) showProblem(error.message);
  }
}

buildTabs();
openTab(Object.hasOwn(tabs, location.hash.slice(1)) ? location.hash.slice(1) : 'draw');
addEventListener('resize', showOpenTab);
listenForFiles();
showHistory();
onComeback(start);
start();
