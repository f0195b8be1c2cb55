// The room: who I am, which task, the next item, keys, progress.

import { byId, h, key, writing } from "./dom.js";
import { flush, get, post, Refused, send, told, workOf } from "./net.js";
import { comparePanel, exemplarPanel, reviewPanel } from "./review.js";
import { criteriaPanel, verdictPanel } from "./steer.js";
import { View } from "./view.js";

const TASKS = { steer: "Judge", review: "Review", adjudicate: "Adjudicate", compare: "Compare", exemplars: "Exemplars" };
const EMPTY = {
  steer: "Every picture that you can judge has been judged.", review: "There is no draft left for you to review.",
  adjudicate: "Reviewers do not differ on any draft.", compare: "There are no two drafts of one picture left to compare.",
  exemplars: "All exemplars have been checked.",
};
const STEADY = ["+", "=", "-", "ArrowUp", "ArrowDown"]; // keys that may be held down: nothing else is done twice
const LOOK_AGAIN_MS = 5000;
const VIEW_KEYS = [["wheel, + −", "zoom"], ["0", "fit"], ["Z", "native pixels"], ["Space + drag, right drag", "move the picture"], ["U", "back to my last answer"], ["P", "progress"], ["?", "these keys"]];

class Room {
  constructor() {
    this.view = new View();
    this.panel = null;
    this.item = null;
    this.last = null;
    this.spent = 0;
    this.since = null;
  }

  async start() {
    try {
      this.me = await get("/api/me");
      workOf(this.me.name);
      await flush();
    } catch (error) {
      return this.refused(error);
    }
    byId("who").textContent = `${this.me.name}, ${this.me.role}`;
    const wanted = location.hash.slice(1);
    await this.open(this.me.tasks.includes(wanted) ? wanted : this.me.tasks[0], true);
  }

  async open(task, resume = false) {
    this.task = task;
    this.last = null;
    history.replaceState(null, "", `#${task}`);
    byId("tasks").replaceChildren(...this.me.tasks.map((name) =>
      h("button", { class: "quiet", id: `task-${name}`, "aria-current": name === task ? "page" : null, onclick: () => this.open(name) }, TASKS[name])));
    await this.load(`/api/next?task=${task}&resume=${resume}`);
  }

  async next(words = "") {
    this.last = this.item?.item || null;
    await this.load(`/api/next?task=${this.task}`);
    if (words) this.flash(words);
  }

  async load(path) {
    try {
      this.show((await get(path)).item);
    } catch (error) {
      this.refused(error);
    }
    this.tellProgress();
    if (!this.item) this.lookAgain();
  }

  /** Where there is nothing to do, look again now and then: somebody may have left an item, or new ones may have come. */
  lookAgain() {
    clearTimeout(this.looking);
    const task = this.task;
    const path = `/api/next?task=${task}`;
    this.looking = setTimeout(() => document.body.dataset.step === "empty" && this.task === task && this.load(path), LOOK_AGAIN_MS);
  }

  show(item) {
    const same = this.item && item && this.item.image === item.image && this.item.item === item.item;
    this.item = item;
    if (!same) (this.spent = 0), (this.since = document.hidden ? null : performance.now());
    document.body.dataset.step = item ? item.step || item.task : "empty";
    document.body.dataset.item = item ? item.item : "";
    if (!item) return this.empty(h("h1", {}, "Nothing to do here"), h("p", {}, EMPTY[this.task]));
    if (!same) this.view.show(item.image && `/api/image/${encodeURIComponent(item.image)}`, "The picture to be judged");
    this.panel = this.panelOf(item);
    this.refresh();
    byId("panel").querySelector(".body").scrollTop = 0;
    if (!writing()) this.view.stage.focus({ preventScroll: true });
  }

  panelOf(item) {
    if (item.task === "steer" && item.step === "criteria") return criteriaPanel(this, item);
    if (item.task === "steer") return verdictPanel(this, item);
    if (item.task === "compare") return comparePanel(this, item);
    if (item.task === "exemplars") return exemplarPanel(this, item);
    return reviewPanel(this, item);
  }

  refresh() {
    const body = byId("panel").querySelector(".body");
    const scroll = body ? body.scrollTop : 0;
    const { body: inside, foot } = this.panel.draw();
    this.view.onBox = this.panel.onBox || null;
    const back = this.last && h("button", { class: "quiet", title: "Back to my last answer", onclick: () => this.back() }, "Last ", !this.panel.keys.u && key("U"));
    byId("panel").replaceChildren(h("div", { class: "body" }, inside), h("div", { class: "foot" }, back, foot));
    byId("panel").querySelector(".body").scrollTop = scroll;
    this.view.place();
    if (document.activeElement === document.body) this.view.stage.focus({ preventScroll: true });
  }

  empty(...words) {
    this.panel = null;
    this.view.show(null, "");
    this.view.onBox = null;
    const back = this.last && h("button", { onclick: () => this.back() }, "Back to my last answer ", key("U"));
    byId("panel").replaceChildren(h("div", { class: "body" }, h("div", { class: "empty" }, words, back)));
  }

  async back() {
    if (!this.last) return;
    const item = this.last;
    this.last = null;
    try {
      this.show((await send("/api/reopen", { task: this.task, item })).item);
      if (this.item.step === "done") this.flash("That verdict was given blind: it stands.", () => this.next());
    } catch (error) {
      this.refused(error);
    }
  }

  refused(error) {
    if (!(error instanceof Refused)) throw error;
    document.body.dataset.step = "refused";
    this.item = null;
    const words = new URLSearchParams(location.search).get("refused") ? "This link is not valid." : error.message;
    this.empty(h("h1", {}, error.status === 401 ? "Open your personal link" : "That did not work"), h("p", {}, sentence(words)), error.hint && h("p", {}, sentence(error.hint)));
  }

  flash(words, then = null) {
    told(words);
    setTimeout(() => (told(""), then && then()), 1800);
  }

  /** Seconds for which this item was in sight. */
  seconds() {
    return Math.round(this.spent + (this.since === null ? 0 : performance.now() - this.since)) / 1000;
  }

  nameOf = (id) => this.me.criteria.find((c) => c.id === id)?.name || id;

  async tellProgress() {
    if (!this.me) return;
    const { overall, own } = await get("/api/progress");
    const all = overall[this.task];
    const mine = own[this.task];
    byId("progress").replaceChildren(...[
      mine && `${mine.today} today, ${mine.total} in all`,
      all && h("progress", { max: Math.max(1, all.total), value: all.done, title: "everybody" }),
      all && `${all.done} / ${all.total}`,
    ].filter(Boolean));
  }

  async openProgress() {
    const { overall, own, people } = await get("/api/progress");
    const cell = (n) => h("td", { class: "n" }, String(n));
    const share = (c) => (c.total ? `${Math.round((100 * c.done) / c.total)}%` : "–");
    const inside = [
      h("h1", {}, "Progress"),
      h("table", {}, h("tr", {}, ["", "done", "of", ""].map((t) => h("th", {}, t))),
        Object.entries(overall).map(([task, c]) => h("tr", {}, h("td", {}, TASKS[task]), cell(c.done), cell(c.total), cell(share(c))))),
    ];
    if (people) {
      inside.push(h("h2", {}, "People"), h("table", {}, h("tr", {}, ["name", "role", "judged", "reviewed", "compared", "today"].map((t) => h("th", {}, t))),
        people.map((p) => h("tr", { class: p.active ? "" : "dim" }, h("td", {}, p.name), h("td", {}, p.active ? p.role : "no access"), cell(p.done.steer.total), cell(p.done.review.total),
          cell(p.done.compare.total), cell(Object.values(p.done).reduce((sum, c) => sum + c.today, 0))))));
    } else inside.push(h("p", { class: "dim" }, `You: ${Object.entries(own).map(([task, c]) => `${TASKS[task]} ${c.total}`).join(", ")}.`));
    this.dialog(inside);
  }

  openHelp() {
    const rows = [...(this.panel?.help || []), ...VIEW_KEYS];
    this.dialog([h("h1", {}, "Keys"), h("div", { class: "keys" }, rows.flatMap(([keys, what]) => [h("div", {}, keys.split(", ").map((k) => [key(k), " "])), h("div", {}, what)]))]);
  }

  dialog(inside) {
    const dialog = byId("dialog");
    dialog.replaceChildren(...inside.flat(), h("form", { method: "dialog" }, h("button", { onclick: (e) => (e.preventDefault(), dialog.close()) }, "Close ", key("Esc"))));
    if (!dialog.open) dialog.showModal();
  }

  async press(event) {
    if (byId("dialog").open || event.altKey || event.metaKey) return;
    if (event.repeat && !writing() && !STEADY.includes(event.key)) return event.preventDefault();
    const name = (event.ctrlKey ? "ctrl+" : "") + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
    const plain = !event.ctrlKey;
    if (writing() && plain && !["Escape", "Enter"].includes(event.key)) return;
    if (writing() && event.key === "Enter" && plain && document.activeElement.tagName !== "INPUT") return;
    if (event.key === "Enter" && document.activeElement.tagName === "BUTTON") return;
    const own = this.panel?.keys?.[name];
    const shared = {
      "+": () => this.view.zoomBy(1.3), "=": () => this.view.zoomBy(1.3), "-": () => this.view.zoomBy(1 / 1.3), 0: () => this.view.fit(), z: () => this.view.native(),
      u: () => this.back(), p: () => this.openProgress(), "?": () => this.openHelp(),
    }[name];
    // The list of criteria has U for itself: going back is a button there.
    const act = own || (plain && shared);
    if (!act) return;
    event.preventDefault();
    try {
      await act();
    } catch (error) {
      this.refused(error);
    }
  }
}

function sentence(words) {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

const room = new Room();
document.addEventListener("keydown", (event) => {
  if (event.key === " " && !writing()) (room.view.space = true), room.view.place();
  room.press(event);
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") (room.view.space = false), room.view.place();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden && room.since !== null) (room.spent += performance.now() - room.since), (room.since = null);
  else if (!document.hidden) room.since = performance.now();
});
setInterval(() => {
  if (room.item && !document.hidden) send("/api/renew", { task: room.item.task, item: room.item.item }).catch(() => null);
}, 60000);
byId("open-progress").addEventListener("click", () => room.openProgress());
byId("open-help").addEventListener("click", () => room.openHelp());
window.addEventListener("unhandledrejection", (event) => event.reason instanceof Refused && room.refused(event.reason));
room.start();
