// The settings of a run as a form: model, steps, sampler, seed. Each tab has one.
import { element } from './dom.js';

export const shared = { models: [], choices: {}, model: null, mostPictures: 1 };  // those of a job

const kTakesEta = ['ddim', 'euler'];
/** Of a recipe: what the form sets, and what says nothing of how to draw. */
const kShown = new Set(['model', 'model_hash', 'size', 'x_T', 'Software', 'precision', 'columns', 'scale', 'steps', 'tau', 'sampler',
  'eta', 'clip', 'class', 'guidance', 'seed', 'first_image', 'count']);
let numControls = 0;

export function randomSeed() { return crypto.getRandomValues(new Uint32Array(1))[0] % 1000000; }

function labelled(text, control, ...more) {
  control.id ||= `control-${++numControls}`;
  return element('div', { class: 'label' }, element('label', { for: control.id }, text), more.length ? more[0] : control);
}

/** A slider and a number that move together. */
function sliderNumber(name, text, { min, max, step, value, sliderMax }) {
  // The slider has steps; what is typed in, or comes from a recipe, need not.
  const number = element('input', { type: 'number', name, min, max, step: step < 1 ? 'any' : step, value, required: true });
  const slider = element('input', { type: 'range', min, max: sliderMax ?? max, step, value, 'aria-label': `${text}, slider` });
  slider.addEventListener('input', () => { number.value = slider.value; });
  number.addEventListener('input', () => { slider.value = number.value; });
  const box = labelled(text, number, element('div', { class: 'pair' }, slider, number));
  const set = (to) => { number.value = to; slider.value = to; };
  return {
    box, number, set,
    disable(off) { number.disabled = slider.disabled = off; },
    /** So much and no more. */
    limit(most) {
      if (Number(number.max) === most) return;
      number.max = most;
      slider.max = Math.min(sliderMax ?? max, most);
      if (Number(number.value) > most) set(most);
    },
  };
}

/**
 * `wants` lists which fields there are; `inTurn`, whether pictures may have classes in turn; `without`, samplers that are left
 * out. Numbers may be what the server takes; sliders end where most stay.
 */
export class Settings {
  constructor(wants, { steps = 20, count = 8, max = 64, inTurn = false, without = [] } = {}) {
    this.wants = new Set(wants);
    this.without = without;
    this.inTurn = inTurn;
    this.max = max;
    this.box = element('div', { class: 'label' });
    this.box.style.gap = '.8rem';
    this.rest = {};
    const more = element('div', {});
    if (this.has('class')) {
      this.classes = element('select', { name: 'class' });
      this.classBox = labelled('Class', this.classes);
      this.guidance = sliderNumber('guidance', 'Guidance', { min: 0, max: 1000, step: 0.1, value: 1, sliderMax: 8 });
      this.box.append(this.classBox, this.guidance.box);
    }
    if (this.has('steps')) {
      this.steps = sliderNumber('steps', 'Steps', { min: 1, max: 1000, step: 1, value: steps, sliderMax: 100 });
      this.box.append(this.steps.box);
    }
    if (this.has('count')) {
      this.count = sliderNumber('count', 'Pictures', { min: 1, max, step: 1, value: count, sliderMax: Math.min(max, 32) });
      this.box.append(this.count.box);
    }
    if (this.has('seed')) this.addSeed();
    if (this.has('sampler')) {
      this.sampler = element('select', { name: 'sampler', onchange: () => this.refresh() });
      this.eta = sliderNumber('eta', 'Noise in each step (eta)', { min: 0, max: 1000, step: 0.01, value: 0, sliderMax: 1 });
      this.tau = element('select', { name: 'tau' });
      more.append(labelled('Sampler', this.sampler), this.eta.box, labelled('Which steps (tau)', this.tau));
    }
    if (this.has('clip')) {
      this.clip = element('select', { name: 'clip' });
      more.append(labelled('Clipping of predicted x_0', this.clip));
    }
    if (more.children.length) {
      const details = element('details', {}, element('summary', {}, 'Sampler and more'), more);
      // What is wrong must be seen, or the form is not sent and nothing says why.
      details.addEventListener('invalid', () => { details.open = true; }, true);
      this.box.append(details);
    }
  }
  has(name) { return this.wants.has(name); }

  addSeed() {
    this.seed = element('input', { type: 'number', name: 'seed', min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, value: 0, required: true, class: 'wide' });
    this.lock = element('input', { type: 'checkbox', name: 'lock' });
    const dice = element('button', { type: 'button', title: 'Another seed', 'aria-label': 'Another seed',
      onclick: () => { this.seed.value = randomSeed(); this.rest = {}; } }, '⚄');
    this.box.append(labelled('Seed', this.seed, element('div', { class: 'row' }, this.seed, dice,
      element('label', { class: 'inline', title: 'Draw with the same seed again' }, this.lock, 'Keep'))));
    this.fresh = true;  // a seed that was typed in counts once, and one that was drawn is followed by another
    this.seed.addEventListener('input', () => { this.fresh = true; this.rest = {}; });
    dice.addEventListener('click', () => { this.fresh = true; });
  }

  /** What depends on the model. */
  refresh() {
    const model = shared.model;
    const fill = (select, values, name = (value) => value) => {
      const before = select.value;
      select.replaceChildren(...values.map((value) => element('option', { value }, name(value))));
      if (values.includes(before)) select.value = before;
    };
    if (this.sampler) {
      if (!this.sampler.options.length) {
        fill(this.sampler, shared.choices.sampler.filter((name) => !this.without.includes(name)));
        fill(this.tau, shared.choices.tau);
      }
      this.eta.disable(!kTakesEta.includes(this.sampler.value));
      this.tau.disabled = this.sampler.value === 'adaptive';
      this.steps?.disable(this.sampler.value === 'adaptive');
    }
    if (this.clip && !this.clip.options.length) fill(this.clip, shared.choices.clip);
    if (this.steps) this.steps.number.max = model.T;
    this.count?.limit(Math.min(this.max, shared.mostPictures));
    if (this.classes) {
      const numbers = Array.from({ length: model.num_classes }, (_, k) => k).filter((k) => k !== model.null_class);
      this.classBox.hidden = this.classes.disabled = numbers.length === 0;
      this.guidance.box.hidden = model.null_class === undefined;
      this.guidance.disable(this.guidance.box.hidden);
      fill(this.classes, [...this.inTurn ? ['all'] : [], ...numbers.map(String)],
        (k) => k === 'all' ? 'All in turn' : model.class_names[k] ?? `Class ${k}`);
    }
  }

  allClasses() { return Array.from(this.classes.options).slice(1).map((option) => Number(option.value)); }

  /** The fields of a request. Takes another seed unless it is kept. */
  fields() {
    if (this.seed && !this.fresh && !this.lock.checked) {
      this.seed.value = randomSeed();
      this.rest = {};
    }
    const fields = { model: shared.model.name, ...this.rest };
    if (this.steps && !this.steps.number.disabled) fields.steps = Number(this.steps.number.value);
    if (this.count) fields.count = Number(this.count.number.value);
    if (this.sampler) {
      fields.sampler = this.sampler.value;
      if (!this.eta.number.disabled && Number(this.eta.number.value) !== 0) fields.eta = Number(this.eta.number.value);
      if (!this.tau.disabled) fields.tau = this.tau.value;
    }
    if (this.clip && this.clip.value !== 'none') fields.clip = this.clip.value;
    if (this.classes && !this.classBox.hidden)
      fields.class = this.classes.value === 'all' ? this.allClasses() : Number(this.classes.value);
    if (this.guidance && !this.guidance.box.hidden && Number(this.guidance.number.value) !== 1)
      fields.guidance = Number(this.guidance.number.value);
    if (this.seed) {
      this.fresh = false;
      fields.seed = Number(this.seed.value);
    }
    return fields;
  }

  /** Shows what a recipe says; returns what cannot be shown. */
  use(recipe) {
    const unknown = Object.keys(recipe).filter((key) => !kShown.has(key));
    const set = (control, value, name) => {
      if (value === undefined || !control) return;
      const before = control.value;
      control.value = value;
      if (control.value === String(value)) return;
      control.value = before;
      unknown.push(name);
    };
    const fits = ({ min, max }, value) => Number(value) >= Number(min) && Number(value) <= Number(max);  // and no list
    const setNumber = (control, value, name, otherwise) => {
      if (!control) return;
      const isSet = value !== undefined && fits(control.number, value);
      if (value !== undefined && !isSet) unknown.push(name);
      control.set(isSet ? value : otherwise);
    };
    const { width, height, channels, precision } = shared.model;
    if (recipe.size && recipe.size !== `${width}x${height}x${channels}`) unknown.push('size');
    if (recipe.precision && recipe.precision !== precision) unknown.push('precision');
    if (this.sampler) {
      set(this.sampler, recipe.sampler, 'sampler');
      if (recipe.tau && /^\d/.test(recipe.tau)) unknown.push('tau');
      else set(this.tau, recipe.tau, 'tau');
      setNumber(this.eta, recipe.eta, 'eta', 0);
    }
    set(this.clip, recipe.clip, 'clip');
    setNumber(this.steps, recipe.steps, 'steps', this.steps?.number.value);
    setNumber(this.count, recipe.count, 'count', recipe.count ? this.count?.number.max : this.count?.number.value);
    if (this.seed) {
      const [first, ...others] = String(recipe.seed).split(',');
      const isSet = fits(this.seed, first);
      if (!isSet) unknown.push('seed');
      else if (others.length) unknown.push('seeds after the first');
      this.seed.value = isSet ? first : 0;
      this.fresh = true;
    }
    if (this.classes && recipe.class) set(this.classes, recipe.class === this.allClasses().join() ? 'all' : recipe.class, 'class');
    setNumber(this.guidance, recipe.guidance, 'guidance', 1);
    if (this.guidance?.box.hidden && (recipe.guidance ?? '1') !== '1') unknown.push('guidance');
    this.rest = {};
    if (recipe.first_image && recipe.first_image !== '0') this.rest.first_image = Number(recipe.first_image);
    this.refresh();
    return unknown;
  }
}
