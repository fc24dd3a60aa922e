// Building the page.

/** An element; properties that start with "on" listen, "class", "aria-..." and others are attributes. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (['value', 'checked', 'disabled', 'hidden'].includes(name)) made[name] = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** What the browser keeps for this page, where it lets us; set() says whether it did. */
export function storage(kind) {
  const attempt = (work) => { try { return work(window[kind]); } catch { return null; } };
  return {
    get: (key) => attempt((kept) => kept.getItem(key)),
    set: (key, value) => attempt((kept) => { kept.setItem(key, value); return true; }) ?? false,
    remove: (key) => attempt((kept) => kept.removeItem(key)),
  };
}

export const byId = (id) => document.getElementById(id);

/** Tells those who cannot see it. */
export function say(text) { byId('said').textContent = text; }

export const seconds = (value) => value < 10 ? `${value.toFixed(1)} s` : value < 100 ? `${Math.round(value)} s`
  : `${Math.round(value / 60)} min`;

export const plural = (count, unit) => `${count} ${unit}${count === 1 ? '' : 's'}`;

/** A line that says what is at work, with a bar and a button that stops it. */
export function statusLine() {
  const bar = element('progress', { max: 1, 'aria-label': 'Progress', hidden: true });
  const text = element('span', {});
  const stop = element('button', { type: 'button', hidden: true }, 'Cancel');
  const line = element('div', { class: 'status' }, text, bar, stop);
  return {
    line, stop,
    show(message, fraction) {
      line.classList.remove('bad');
      text.textContent = message;
      bar.hidden = fraction === undefined;
      if (fraction === null) bar.removeAttribute('value');
      else if (fraction !== undefined) bar.value = fraction;
    },
    fail(message) {
      this.show(message);
      line.classList.add('bad');
      say(message);
    },
  };
}
