// Review and adjudication of drafts, comparison of two, and the check of exemplars.

import { h, key } from "./dom.js";
import { drafts, post } from "./net.js";

const CHECKS = {
  states_label: "states the label", names_criteria: "speaks of the criteria people named", boxes_inside: "regions lie inside the picture",
  length: "length of the description", repeats_prompt: "words of its own, not the prompt's", repeats_exemplar: "words of its own, not an exemplar's",
  about_image: "is about this picture", jury: "agrees with the other teachers",
};

const label = (name) => h("span", { class: `label ${name}` }, name);
const fold = (title, ...inside) => h("details", {}, h("summary", { class: "dim" }, title), ...inside);

/** Accept, revise or reject a draft. */
export function reviewPanel(room, item) {
  const form = `${item.task}.${item.item}`;
  const path = item.task === "adjudicate" ? "/api/adjudicate" : "/api/review";
  const start = item.own && item.own.decision === "revise" ? item.own : {};
  let state = drafts.read(form) || fresh();
  let active = null;
  const panel = {
    help: [["A", "accept"], ["E", "revise"], ["X", "reject"], ["Ctrl+Enter", "save a revision"], ["Esc", "leave the revision"]],
    draw,
  };
  function fresh() {
    const texts = Object.fromEntries(["description", "limits", "advice"].map((n) => [n, start[n] ?? item.draft[n]]));
    const traces = JSON.parse(JSON.stringify(start.traces ?? item.draft.traces));
    return { mode: "read", reason: item.own?.reason || "", texts, traces };
  }
  function go(mode) {
    state.mode = mode;
    keep();
    room.refresh();
    if (mode === "reject") document.getElementById("reason").focus();
  }
  /** What a revision still needs, in words. */
  function lacking() {
    if (!state.texts.description.trim()) return "The description is empty.";
    if (!new RegExp(`\\b${item.label}\\b`, "i").test(state.texts.description)) return `The description has to say that the picture is ${item.label}.`;
    const bare = Object.entries(state.traces).find(([, note]) => note && !note.observation.trim());
    return bare ? `Say what is seen of ${room.nameOf(bare[0])}, or set it to nothing.` : "";
  }
  const keep = () => drafts.write(form, state);
  async function save(decision) {
    const sent = { item: item.item, seconds: room.seconds(), decision, reason: state.reason.trim() };
    if (decision === "reject" && !sent.reason) return go("reject");
    const missing = decision === "revise" && lacking();
    if (missing) return room.flash(missing);
    if (decision === "revise") {
      for (const [name, value] of Object.entries(state.texts)) if (value !== item.draft[name]) sent[name] = value;
      if (JSON.stringify(state.traces) !== JSON.stringify(item.draft.traces)) sent.traces = state.traces;
    }
    await post(path, sent);
    drafts.drop(form);
    await room.next("Saved.");
  }
  function keysOf() {
    if (state.mode === "revise") return { "ctrl+Enter": () => save("revise"), Escape: () => go("read") };
    if (state.mode === "reject") return { "ctrl+Enter": () => save("reject"), Enter: () => save("reject"), Escape: () => go("read") };
    return { a: () => save("accept"), e: () => go("revise"), x: () => go("reject") };
  }
  function boxes(traces, removable) {
    let number = 0;
    const shown = [];
    for (const [criterion, note] of Object.entries(traces)) {
      if (!note?.region) continue;
      number += 1;
      shown.push({
        region: note.region, tag: `${number} ${room.nameOf(criterion)}`, kind: note.finding, lit: criterion === active,
        onremove: removable && (() => ((note.region = null), keep(), room.refresh())),
      });
    }
    room.view.setBoxes(shown);
  }
  function notes(traces) {
    let number = 0;
    const rows = Object.entries(traces).filter(([, note]) => note).map(([criterion, note]) => {
      if (note.region) number += 1;
      return h("li", { class: criterion === active ? "lit" : "", onmouseenter: () => lit(criterion), onmouseleave: () => lit(null) },
        note.region && h("span", { class: "number" }, String(number)), " ",
        h("span", { class: `finding ${note.finding}` }, `${room.nameOf(criterion)}, ${note.finding}: `), note.observation);
    });
    return h("ul", { class: "notes" }, rows.length ? rows : h("li", { class: "dim" }, "No observation."));
  }
  function lit(criterion) {
    active = criterion;
    boxes(state.mode === "revise" ? state.traces : item.draft.traces, state.mode === "revise");
  }
  function draw() {
    panel.keys = keysOf();
    panel.onBox = state.mode === "revise" && active
      ? (region) => ((state.traces[active] ||= { finding: "abnormal", observation: "", region: null }).region = region, keep(), room.refresh())
      : null;
    boxes(state.mode === "revise" ? state.traces : item.draft.traces, state.mode === "revise");
    return state.mode === "revise" ? drawEdit() : drawRead();
  }
  function drawRead() {
    const failed = item.checks.filter((c) => !c.passed);
    const passed = item.checks.filter((c) => c.passed);
    const check = (c) => h("li", { class: c.passed ? "" : "failed" }, c.passed ? "✓ " : "✗ ", CHECKS[c.name] || c.name, c.detail && `: ${c.detail}`);
    const body = [
      h("h1", {}, item.task === "adjudicate" ? "Reviewers differ: decide" : "Is this right?"),
      h("p", {}, "The picture is ", label(item.label), item.named.length ? ` People named: ${item.named.map(room.nameOf).join(", ")}.` : ""),
      item.reviews && h("div", {}, h("h3", {}, "Their decisions"), item.reviews.map((r) => h("p", {}, h("b", {}, `${r.who}: ${r.decision}`), r.reason && ` – ${r.reason}`,
        r.description && h("div", { class: "example" }, r.description)))),
      failed.length > 0 && h("div", {}, h("h3", {}, "Look at"), h("ul", { class: "checks" }, failed.map(check))),
      h("h3", {}, "Description"), h("p", { class: "text" }, item.draft.description),
      h("h3", {}, "Observations"), notes(item.draft.traces),
      item.draft.limits && h("div", {}, h("h3", {}, "Limits"), h("p", {}, item.draft.limits)),
      item.draft.advice && h("div", {}, h("h3", {}, "Advice"), h("p", {}, item.draft.advice)),
      h("div", { class: "small" }, fold(`Written by ${item.draft.teacher}; ${passed.length} checks passed`, h("ul", { class: "checks" }, passed.map(check)),
        item.others.map((o) => h("p", {}, `${o.teacher}: `, Object.entries(o.findings).map(([c, f]) => `${room.nameOf(c)} ${f}`).join(", "))))),
      state.mode === "reject" && h("div", {}, h("h3", {}, "Why is it rejected?"),
        h("input", { type: "text", id: "reason", value: state.reason, maxlength: 2000, oninput: (e) => ((state.reason = e.target.value), keep()) })),
    ];
    const foot = state.mode === "reject"
      ? [h("button", { class: "quiet", onclick: () => go("read") }, "Back ", key("Esc")), h("button", { class: "main", id: "submit", onclick: () => save("reject") }, "Reject ", key("Enter"))]
      : [h("button", { class: "bad", id: "reject", onclick: () => go("reject") }, "Reject ", key("X")), h("button", { id: "revise", onclick: () => go("revise") }, "Revise ", key("E")),
         h("button", { class: "main", id: "accept", onclick: () => save("accept") }, "Accept ", key("A"))];
    return { body, foot };
  }
  function drawEdit() {
    const area = (name) => h("textarea", { id: `edit-${name}`, rows: name === "description" ? 7 : 2, maxlength: 4000, value: state.texts[name],
      oninput: (e) => ((state.texts[name] = e.target.value), keep()) });
    const edit = (criterion) => {
      const note = state.traces[criterion.id] || null;
      const set = (finding) => {
        state.traces[criterion.id] = finding ? { observation: "", region: null, ...note, finding } : null;
        active = criterion.id;
        keep();
        room.refresh();
      };
      const choose = h("select", { "aria-label": `finding on ${criterion.name}`, onchange: (e) => set(e.target.value) },
        ["", "abnormal", "natural"].map((f) => h("option", { value: f, selected: (note?.finding || "") === f }, f || "nothing")));
      return h("div", { class: `edit ${criterion.id === active ? "active" : ""}`, "data-criterion": criterion.id },
        h("b", { title: criterion.definition }, criterion.name), choose,
        h("button", { class: "quiet", title: "Draw its box on the picture", disabled: !note, onclick: () => ((active = criterion.id), room.refresh()) }, note?.region ? "▣" : "▢"),
        note && h("textarea", { "aria-label": `observation on ${criterion.name}`, maxlength: 4000, value: note.observation, oninput: (e) => ((note.observation = e.target.value), keep()) }));
    };
    return {
      body: [
        h("h1", {}, "Revise"), h("p", { class: "dim" }, "The picture is ", label(item.label), active ? ` Drag on the picture: the box of ${room.nameOf(active)}.` : ""),
        h("h3", {}, "Description"), area("description"), h("h3", {}, "Observations"), room.me.criteria.map(edit),
        h("h3", {}, "Limits"), area("limits"), h("h3", {}, "Advice"), area("advice"),
        h("h3", {}, "Note to the others"), h("input", { type: "text", id: "reason", value: state.reason, maxlength: 2000, oninput: (e) => ((state.reason = e.target.value), keep()) }),
      ],
      foot: [h("button", { class: "quiet", onclick: () => go("read") }, "Back ", key("Esc")), h("button", { class: "main", id: "submit", onclick: () => save("revise") }, "Save ", key("Ctrl+Enter"))],
    };
  }
  return panel;
}

/** Which of two texts is better, not knowing how either was made. */
export function comparePanel(room, item) {
  let chosen = item.own;
  const panel = {
    keys: { ArrowLeft: () => pick("left"), ArrowRight: () => pick("right"), Enter: submit },
    help: [["← →", "the first, the second"], ["Enter", "submit"]],
    draw,
  };
  function pick(side) {
    chosen = side;
    room.refresh();
  }
  async function submit() {
    if (!chosen) return;
    await post("/api/compare", { item: item.item, seconds: room.seconds(), left: item.left.id, right: item.right.id, chosen });
    await room.next("Saved.");
  }
  function draw() {
    room.view.setBoxes([]);
    const side = (name, title, sign) =>
      h("button", { class: "side", id: name, "aria-pressed": String(chosen === name), onclick: () => pick(name) }, h("b", {}, title, " ", key(sign)), item[name].description);
    return {
      body: [
        h("h1", {}, "Which explanation is better?"),
        h("p", { class: "dim" }, "The picture is ", label(item.label), " Choose the text that explains this better: true of this picture, to the point, complete."),
        h("div", { class: "sides" }, side("left", "First", "←"), side("right", "Second", "→")),
      ],
      foot: [h("button", { class: "main", id: "submit", disabled: !chosen, onclick: submit }, "Submit ", key("Enter"))],
    };
  }
  return panel;
}

/** Read and mend an exemplar before any teacher is shown it. */
export function exemplarPanel(room, item) {
  const form = `exemplars.${item.item}`;
  let text = drafts.read(form) ?? item.exemplar.text;
  const panel = {
    keys: { "ctrl+Enter": () => save(text) },
    help: [["Ctrl+Enter", "it is right as it stands here"]],
    draw,
  };
  async function save(value) {
    await post("/api/exemplars", { item: item.item, seconds: room.seconds(), text: value });
    drafts.drop(form);
    await room.next("Saved.");
  }
  function draw() {
    room.view.setBoxes([]);
    return {
      body: [
        h("h1", {}, "Is this a good example?"),
        h("p", {}, "The picture is ", label(item.label), ` Shown to teachers for: ${item.exemplar.criteria.map(room.nameOf).join(", ")}.`),
        !item.image && h("p", { class: "dim" }, "No picture goes with this example: judge whether its text is a good model."),
        h("textarea", { id: "text", rows: 16, maxlength: 4000, value: text, oninput: (e) => ((text = e.target.value), drafts.write(form, text)) }),
        h("div", { class: "small" }, item.exemplar.human && fold("What people saw", h("p", { class: "text" }, item.exemplar.human)),
          item.exemplar.machine && fold("What the machine wrote", h("p", { class: "text" }, item.exemplar.machine))),
      ],
      foot: [h("button", { class: "bad", id: "discard", onclick: () => save("") }, "Do not use"), h("button", { class: "main", id: "submit", onclick: () => save(text) }, "It is right ", key("Ctrl+Enter"))],
    };
  }
  return panel;
}
