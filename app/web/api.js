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
let gone = false;
const comebacks = new Set();

/** Calls `listener` when the server is there again. */
export const onComeback = (listener) => comebacks.add(listener);

function setGone(now) {
  if (now === gone) return;
  gone = now;
  byId('gone').hidden = !now;
  byId('gone').textContent = now ? 'The server does not answer. This page tries again until it does.' : '';
  if (now) lookForServer();
  else comebacks.forEach((listener) => listener());
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

function askForKey() {
  byId('key-form').hidden = false;
  byId('key').focus();
}

async function request(path, options = {}) {
  const key = storage('sessionStorage').get('ddim-key');
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
  if (answer.status === 401) askForKey();
  const body = await answer.json().catch(() => null);
  throw new Refusal(answer.status, body?.error?.message ?? `The server says ${answer.status}.`, body?.error?.param);
}

export const getJson = async (path) => (await request(path)).json();

/** A file of the server as a URL that an <img> can show. */
export async function fileUrl(path) {
  return URL.createObjectURL(await (await request(path)).blob());
}
export const fileBlob = async (path) => (await request(path)).blob();

/** Keeps a file on the server for a while; returns its id. */
export async function upload(blob, name) {
  const answer = await request(`api/uploads?name=${encodeURIComponent(name)}`, { method: 'POST', body: blob });
  return (await answer.json()).id;
}

/** A job that can be followed and cancelled. */
export class Job {
  constructor(id) { this.id = id; }

  static async start(fields) {
    const answer = await request('api/jobs', {
      method: 'POST', body: JSON.stringify(fields), headers: { 'Content-Type': 'application/json' } });
    return new Job((await answer.json()).id);
  }
  cancel() { return request(`api/jobs/${this.id}`, { method: 'DELETE' }).catch(() => {}); }

  /** Until it ends: calls on.state, on.progress and on.preview. Returns the job's description. */
  async follow(on = {}) {
    let last = 0;
    for (;;) {
      try {
        const answer = await request(`api/jobs/${this.id}/events`, { headers: { 'Last-Event-ID': String(last) } });
        for await (const event of eventsOf(answer.body)) {
          last = event.id;
          on[event.type]?.(event.data);
        }
        const job = await getJson(`api/jobs/${this.id}`);
        if (!['waiting', 'running'].includes(job.state)) return job;
      } catch (error) {
        if (error instanceof Refusal && error.status === 404)
          throw new Refusal(404, 'The server has forgotten this job; it was started anew, or the job is too old.');
        if (error instanceof Refusal && error.status !== 0) throw error;
        setGone(true);
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
