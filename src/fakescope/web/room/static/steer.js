// Blind steering: fake or real, how sure; then, only when that was right, which criteria show it, and where.

import { h, key } from "./dom.js";
import { drafts, post } from "./net.js";

const LEVELS = [[0.5, "a guess"], [0.6, "unsure"], [0.75, "rather sure"], [0.9, "sure"], [0.99, "certain"]];
export const CRITERION_KEYS = "123456789qwetyu";

/** The panel of the blind verdict. */
export function verdictPanel(room, item) {
  const state = { said: null, confidence: null };
  const panel = {
    keys: { f: () => say("fake"), r: () => say("real"), Enter: submit },
    help: [["F, R", "fake, real"], ["1 – 5", "how sure"], ["Enter", "submit"]],
    draw,
  };
  LEVELS.forEach(([value], place) => (panel.keys[String(place + 1)] = () => (state.confidence = value, room.refresh())));
  function say(label) {
    state.said = label;
    room.refresh();
  }
  async function submit() {
    if (!state.said || !state.confidence) return;
    const sent = { item: item.item, seconds: room.seconds(), said: state.said, confidence: state.confidence };
    const answer = await post("/api/verdict", sent);
    if (answer.right) room.show({ ...item, step: "criteria", said: answer.said, criteria: [], boxes: [], again: true });
    else await room.next(room.me.reveal ? "Saved. The label of that one was the other." : "Saved.");
  }
  function draw() {
    const side = (label, name) =>
      h("button", { "aria-pressed": String(state.said === label), onclick: () => say(label) }, name, " ", key(label[0].toUpperCase()));
    const level = ([value, name], place) =>
      h("button", { "aria-pressed": String(state.confidence === value), onclick: () => panel.keys[place + 1]() },
        h("b", {}, `${Math.round(100 * value)}%`), name, key(String(place + 1)));
    return {
      body: [
        h("h1", {}, "Fake or real?"),
        h("p", { class: "dim" }, "Was this picture made by an image generator? Zoom in, look around, then decide. You are told nothing about it."),
        h("div", { class: "verdicts" }, side("fake", "Fake"), side("real", "Real")),
        h("h2", {}, "How sure are you?"),
        h("div", { class: "levels" }, LEVELS.map(level)),
      ],
      foot: [h("button", { class: "main", id: "submit", disabled: !(state.said && state.confidence), onclick: submit }, "Submit ", key("Enter"))],
    };
  }
  return panel;
}

/** The panel of criteria and boxes, after a right verdict. */
export function criteriaPanel(room, item) {
  const form = `steer.${item.item}`;
  const kept = drafts.read(form);
  let state = kept || { criteria: [...item.criteria], boxes: item.boxes.map((b) => ({ ...b })) };
  let active = 0;
  let open = false;
  const past = [];
  const ids = room.me.criteria.map((c) => c.id);
  const panel = {
    keys: {
      Enter: () => (state.criteria.length ? submit() : room.flash("Name a criterion, or press N if you can name none.")),
      n: () => (state.criteria.length ? null : submit()),
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      ArrowRight: () => toggle(active),
      x: () => ((open = !open), room.refresh()),
      "ctrl+z": undo,
    },
    help: [
      ["1 – 9, Q W E T Y U", "name a criterion, or take it back"], ["↑ ↓, →", "walk through the list, name"],
      ["drag", "draw a box for the marked criterion"], ["X", "examples"], ["Ctrl+Z", "undo"], ["Enter", "save, next"], ["N", "none that I could name"],
    ],
    onBox: (region) => {
      change(() => {
        if (!state.criteria.includes(ids[active])) state.criteria.push(ids[active]);
        state.boxes.push({ region, criterion: ids[active] });
      });
    },
    draw,
  };
  ids.forEach((_, place) => (panel.keys[CRITERION_KEYS[place]] = () => toggle(place)));
  function change(how) {
    past.push(JSON.stringify(state));
    how();
    drafts.write(form, state);
    room.refresh();
  }
  function undo() {
    if (!past.length) return;
    state = JSON.parse(past.pop());
    drafts.write(form, state);
    room.refresh();
  }
  function move(step) {
    active = (active + step + ids.length) % ids.length;
    room.refresh();
  }
  function toggle(place) {
    active = place;
    const id = ids[place];
    change(() => {
      if (!state.criteria.includes(id)) state.criteria.push(id);
      else {
        state.criteria = state.criteria.filter((c) => c !== id);
        state.boxes = state.boxes.filter((b) => b.criterion !== id);
      }
    });
  }
  async function submit() {
    const sent = { item: item.item, seconds: room.seconds(), criteria: state.criteria, boxes: state.boxes };
    await post("/api/criteria", sent);
    drafts.drop(form);
    await room.next("Saved.");
  }
  function row(criterion, place) {
    const chosen = state.criteria.includes(criterion.id);
    const boxes = state.boxes.filter((b) => b.criterion === criterion.id).length;
    const examples = criterion.examples.map((e) => h("div", { class: "example" }, h("span", { class: `label ${e.label}` }, e.label), "\n", e.text));
    return h("li", {
      class: `${place === active ? "active" : ""} ${chosen ? "chosen" : ""}`, "data-criterion": criterion.id,
      role: "checkbox", "aria-checked": String(chosen), onclick: () => toggle(place),
    },
      key(CRITERION_KEYS[place].toUpperCase()), h("span", { class: "name" }, criterion.name),
      h("span", { class: "mark" }, chosen ? `✓${boxes ? ` ${boxes} box${boxes > 1 ? "es" : ""}` : ""}` : ""),
      place === active && h("div", { class: "more" }, criterion.definition,
        open && (examples.length ? examples : h("div", { class: "example" }, "There is no checked example of it yet."))));
  }
  function draw() {
    room.view.setBoxes(state.boxes.map((box, place) => ({
      region: box.region, tag: room.nameOf(box.criterion), kind: item.said === "fake" ? "abnormal" : "natural",
      lit: box.criterion === ids[active],
      onremove: () => change(() => state.boxes.splice(place, 1)),
    })));
    const what = item.said === "fake" ? "What gives it away?" : "What shows that it is real?";
    return {
      body: [
        h("h1", {}, "Right: it is ", h("span", { class: `label ${item.said}` }, item.said)),
        h("p", {}, `${what} Name every criterion that does, and draw boxes where you can point at it.`),
        h("ul", { class: "criteria" }, room.me.criteria.map(row)),
      ],
      foot: [
        h("button", { class: "quiet", onclick: undo, disabled: !past.length }, "Undo ", key("Ctrl+Z")),
        h("button", { class: "main", id: "submit", onclick: submit }, state.criteria.length ? ["Save ", key("Enter")] : ["None that I could name ", key("N")]),
      ],
    };
  }
  return panel;
}
