// Talking to the server: requests, jobs and their events. Comes back by itself when the server was gone.
import { byId, storage } from './dom.js';

const kWait = 1500;  // ms between attempts

export class Refusal extends Error {
  constructor(status, message, field) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const keys = storage('sessionStorage');
let gone = false;
const comebacks = new Set();

/** Calls `listener` when the server is there again, and when it may be another since. */
export const onComeback = (listener) => comebacks.add(listener);
const tellComeback = () => comebacks.forEach((listener) => listener());

/** Says what is wrong with the server; hides that without a text, as the next answer does. */
export function showProblem(text = '') {
  byId('gone').hidden = text === '';
  byId('gone').textContent = text;
}

function setGone(now) {
  if (!now) showProblem();
  if (now === gone) return;
  gone = now;
  if (now) showProblem('The server does not answer. This page tries again until it does.');
  if (now) lookForServer();
  else tellComeback();
}

async function lookForServer() {
  while (gone) {
    await pause(kWait);
    try {
      const answer = await fetch('healthz', { cache: 'no-store' });
      if (answer.ok) setGone(false);
    } catch { /* not yet */ }
  }
}

const whenKeyComes = new Set();
const untilKeyComes = () => new Promise((resolve) => { whenKeyComes.add(resolve); });

function askForKey(wrong) {
  byId('key-problem').textContent = wrong ? 'The server does not take this key.' : '';
  if (!byId('key-form').hidden) return;
  byId('key-form').hidden = false;
  byId('key').focus();
  byId('key').select();
}

export const hasKey = () => Boolean(keys.get('ddim-key'));

/** Uses the key from now on, also for what waits for it; whether it can be one. */
export function useKey(key) {
  if (!/^[ -~]+$/.test(key)) {  // a browser sends other letters as other bytes, or not at all
    byId('key-problem').textContent = 'A key consists of letters, digits and signs of ASCII.';
    return false;
  }
  keys.set('ddim-key', key);
  byId('key-form').hidden = true;
  whenKeyComes.forEach((resolve) => resolve());
  whenKeyComes.clear();
  return true;
}

async function request(path, options = {}) {
  const key = keys.get('ddim-key');
  const headers = { ...(options.headers ?? {}) };
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    setGone(true);
    throw new Refusal(0, 'The server does not answer.');
  }
  setGone(false);
  if (answer.ok) return answer;
  if (answer.status === 401) askForKey(key);
  const body = await answer.json().catch(() => null);
  throw new Refusal(answer.status, body?.error?.message ?? `The server says ${answer.status}.`, body?.error?.param);
}

/** All of an answer, or a refusal like that of no answer. */
async function whole(path, kind) {
  const answer = await request(path);
  try {
    return await answer[kind]();
  } catch {
    setGone(true);
    throw new Refusal(0, 'The server does not answer.');
  }
}
export const getJson = (path) => whole(path, 'json');
export const fileBlob = (path) => whole(path, 'blob');

/** Does it once more when the server was gone, had no room or wanted its key in the middle of it. */
export async function persist(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (![0, 401, 429, 503].includes(error.status)) throw error;
      await (error.status === 401 ? untilKeyComes() : pause(kWait));
    }
  }
}

let uploads = new WeakMap();  // blob -> id
let hasUploads = false;

/** Keeps a file on the server for a while; returns its id. */
export async function upload(blob, name) {
  if (!uploads.has(blob)) {
    const answer = await request(`api/uploads?name=${encodeURIComponent(name)}`, { method: 'POST', body: blob });
    uploads.set(blob, (await answer.json()).id);
    hasUploads = true;
  }
  return uploads.get(blob);
}
/** When the server has forgotten them; whether there were any. */
export function forgetUploads() {
  const had = hasUploads;
  uploads = new WeakMap();
  hasUploads = false;
  return had;
}

/** Jobs that the page waits for. Nobody does once it is left, even if the browser keeps it to go back to. */
const inWork = new Set();
addEventListener('pagehide', () => inWork.forEach((job) => job.cancel({ keepalive: true })));

/** A job that can be followed and cancelled. */
export class Job {
  constructor(id) { this.id = id; }

  /** `makeFields` makes the fields, again where the server has forgotten the files that they name. */
  static async start(makeFields) {
    const attempt = async () => request('api/jobs', {
      method: 'POST', body: JSON.stringify(await makeFields()), headers: { 'Content-Type': 'application/json' } });
    const answer = await attempt().catch((error) => {
      if (error.status === 404 && forgetUploads()) return attempt();
      throw error;
    }).catch((error) => {
      if ([400, 404].includes(error.status)) tellComeback();  // it may have other models and limits
      throw error;
    });
    return new Job((await answer.json()).id);
  }
  cancel(options = {}) { return request(`api/jobs/${this.id}`, { method: 'DELETE', ...options }).catch(() => {}); }

  /** Until it ends: calls on.state, on.progress and on.preview. Returns the job's description. */
  async follow(on = {}) {
    inWork.add(this);
    try {
      return await this.untilItEnds(on);
    } finally {
      inWork.delete(this);
    }
  }
  async untilItEnds(on) {
    let last = 0;
    for (;;) {
      try {
        const answer = await request(`api/jobs/${this.id}/events`, { headers: { 'Last-Event-ID': String(last) } });
        for await (const event of answer.body ? eventsOf(answer.body) : []) {
          last = event.id;
          on[event.type]?.(event.data);
        }
        const job = await getJson(`api/jobs/${this.id}`);
        if (!['waiting', 'running'].includes(job.state)) return job;
      } catch (error) {
        if (error instanceof Refusal && error.status === 404)
          throw new Refusal(404, 'The server has forgotten this job; it was started anew, or the job is too old.');
        if (error.status === 401) {
          await untilKeyComes();
          continue;
        }
        if (error instanceof Refusal && ![0, 429, 503].includes(error.status)) throw error;
        if (!error.status) setGone(true);
      }
      await pause(kWait);
    }
  }
  url(file) { return `api/jobs/${this.id}/${file}`; }
}

async function* eventsOf(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    let end;
    while ((end = text.indexOf('\n\n')) >= 0) {
      const fields = Object.fromEntries(text.slice(0, end).split('\n').map((line) => {
        const colon = line.indexOf(': ');
        return [line.slice(0, colon), line.slice(colon + 2)];
      }));
      text = text.slice(end + 2);
      if (fields.id) yield { id: Number(fields.id), type: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
