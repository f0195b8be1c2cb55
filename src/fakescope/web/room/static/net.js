// Talking to the server. An answer that was not acknowledged stays in this browser and is sent again, first of all.

import { byId } from "./dom.js";

const WAIT_MS = 2000;
let person = "";
let trouble = false;

/** Whose work is kept here: several people may use one browser. */
export function workOf(name) {
  person = name;
}

const keyOf = (what) => `fakescope.${person}.${what}`;

export class Refused extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.hint = error.hint || "";
  }
}

async function ask(path, options) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  const body = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, body.error || { message: answer.statusText });
  return body;
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Read; waits for a server that does not answer. */
export async function get(path) {
  for (;;) {
    try {
      const body = await ask(path);
      calm();
      return body;
    } catch (error) {
      if (error instanceof Refused) throw error;
      trouble = true;
      told("The server does not answer. Trying again …");
      await wait(WAIT_MS);
    }
  }
}

/** Send an answer until it is acknowledged. It outlives a closed page. */
export async function post(path, body) {
  localStorage.setItem(keyOf("pending"), JSON.stringify({ path, body }));
  return flush();
}

/** Send what an earlier page left behind; null if there is nothing. */
export async function flush() {
  const kept = localStorage.getItem(keyOf("pending"));
  if (!kept) return null;
  const { path, body } = JSON.parse(kept);
  for (;;) {
    try {
      const answer = await send(path, body);
      localStorage.removeItem(keyOf("pending"));
      calm();
      return answer;
    } catch (error) {
      if (error instanceof Refused && error.status !== 401 && error.status < 500) {
        localStorage.removeItem(keyOf("pending"));
        throw error;
      }
      if (error instanceof Refused && error.status === 401) throw error;
      trouble = true;
      told("The server does not answer. Your answer is kept here, and is sent again …");
      await wait(WAIT_MS);
    }
  }
}

/** Send without keeping: for signs of life. */
export function send(path, body) {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Fakescope": "room" },
    body: JSON.stringify(body),
  });
}

/** Take away what was said of a server that did not answer; other words stay. */
function calm() {
  if (trouble) told("");
  trouble = false;
}

export function told(words) {
  byId("banner").textContent = words;
  byId("banner").hidden = !words;
}

/** Work on an item that is not submitted yet. */
export const drafts = {
  read: (name) => JSON.parse(localStorage.getItem(keyOf(`form.${name}`)) || "null"),
  write: (name, value) => localStorage.setItem(keyOf(`form.${name}`), JSON.stringify(value)),
  drop: (name) => localStorage.removeItem(keyOf(`form.${name}`)),
};
