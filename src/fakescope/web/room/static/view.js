// The picture: zoom to native pixels, pan, and boxes in fractions of its width and height.

import { byId, h } from "./dom.js";

const MOST_SCALE = 16;
const LEAST_BOX_PX = 6;

export class View {
  constructor() {
    this.stage = byId("stage");
    this.board = byId("board");
    this.picture = byId("picture");
    this.layer = byId("boxes");
    this.onBox = null; // called with [x0, y0, x1, y1] where boxes may be drawn
    this.boxes = [];
    this.scale = 1;
    this.x = this.y = 0;
    this.space = false;
    this.fitted = true;
    this.picture.addEventListener("load", () => this.fit());
    new ResizeObserver(() => this.fitted && this.fit()).observe(this.stage);
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.down(event));
    this.stage.addEventListener("contextmenu", (event) => event.preventDefault());
    this.stage.addEventListener("dblclick", () => (this.fitted ? this.native() : this.fit()));
  }

  show(address, alt) {
    this.boxes = [];
    this.drawBoxes();
    this.fitted = true;
    this.picture.alt = alt;
    if (address === null) {
      this.picture.removeAttribute("src");
      byId("zoom").textContent = "";
    }
    else if (this.picture.getAttribute("src") !== address) this.picture.src = address;
    else this.fit();
  }

  get width() { return this.picture.naturalWidth || 1; }
  get height() { return this.picture.naturalHeight || 1; }

  fit() {
    const room = this.stage.getBoundingClientRect();
    const scale = Math.min((room.width - 24) / this.width, (room.height - 24) / this.height);
    this.scale = Math.min(scale, 4);
    this.x = (room.width - this.width * this.scale) / 2;
    this.y = (room.height - this.height * this.scale) / 2;
    this.fitted = true;
    this.place();
  }

  /** One pixel of the picture on one of the screen, around the middle of what is seen. */
  native() {
    this.zoomTo(1 / window.devicePixelRatio);
  }

  zoomBy(factor) { this.zoomTo(this.scale * factor); }

  zoomTo(scale, at = null) {
    const room = this.stage.getBoundingClientRect();
    const [px, py] = at || [room.width / 2, room.height / 2];
    const next = Math.min(MOST_SCALE, Math.max(0.02, scale));
    this.x = px - ((px - this.x) / this.scale) * next;
    this.y = py - ((py - this.y) / this.scale) * next;
    this.scale = next;
    this.fitted = false;
    this.place();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.place();
  }

  place() {
    this.board.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.board.style.setProperty("--inverse", 1 / this.scale);
    this.picture.style.imageRendering = this.scale * window.devicePixelRatio >= 2 ? "pixelated" : "auto";
    byId("zoom").textContent = this.picture.src ? `${Math.round(100 * this.scale * window.devicePixelRatio)}%` : "";
    this.stage.classList.toggle("drawing", Boolean(this.onBox) && !this.space);
  }

  wheel(event) {
    event.preventDefault();
    const room = this.stage.getBoundingClientRect();
    this.zoomTo(this.scale * Math.exp(-event.deltaY / 400), [event.clientX - room.left, event.clientY - room.top]);
  }

  down(event) {
    if (event.target.closest(".remove")) return;
    const draws = this.onBox && event.button === 0 && !this.space;
    this.stage.setPointerCapture(event.pointerId);
    const from = this.fraction(event);
    let last = [event.clientX, event.clientY];
    let ghost = null;
    const move = (moved) => {
      if (!draws) {
        this.stage.classList.add("panning");
        this.pan(moved.clientX - last[0], moved.clientY - last[1]);
        last = [moved.clientX, moved.clientY];
        return;
      }
      ghost ||= this.layer.appendChild(h("div", { class: "box" }));
      placeBox(ghost, corners(from, this.fraction(moved)));
    };
    const up = (moved) => {
      this.stage.removeEventListener("pointermove", move);
      this.stage.classList.remove("panning");
      ghost?.remove();
      if (!draws) return;
      const box = corners(from, this.fraction(moved));
      const wide = (box[2] - box[0]) * this.width * this.scale;
      const high = (box[3] - box[1]) * this.height * this.scale;
      if (wide >= LEAST_BOX_PX && high >= LEAST_BOX_PX) this.onBox(box);
    };
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("pointerup", up, { once: true });
  }

  fraction(event) {
    const room = this.stage.getBoundingClientRect();
    const across = (event.clientX - room.left - this.x) / (this.width * this.scale);
    const down = (event.clientY - room.top - this.y) / (this.height * this.scale);
    return [across, down].map((v) => Math.round(Math.min(1, Math.max(0, v)) * 1e6) / 1e6);
  }

  /** Show boxes: {region, tag, kind, lit, onremove}. */
  setBoxes(boxes) {
    this.boxes = boxes;
    this.drawBoxes();
  }

  drawBoxes() {
    this.layer.replaceChildren(
      ...this.boxes.map((box) => {
        const remove = box.onremove && h("button", { class: "remove", title: "Remove this box", onclick: box.onremove }, "×");
        const under = this.boxes.slice(0, this.boxes.indexOf(box)).filter((other) => Math.hypot(other.region[0] - box.region[0], other.region[1] - box.region[1]) < 0.02).length;
        const made = h("div", { class: `box ${box.kind || ""} ${box.lit ? "lit" : ""} ${box.region[1] < 0.04 ? "top" : ""}` }, h("span", { class: "tag" }, box.tag, remove));
        made.style.setProperty("--under", under); // tags of boxes that begin at the same place stand below each other
        placeBox(made, box.region);
        return made;
      }),
    );
  }
}

function corners(a, b) {
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

function placeBox(element, [x0, y0, x1, y1]) {
  element.style.left = `${100 * x0}%`;
  element.style.top = `${100 * y0}%`;
  element.style.width = `${100 * (x1 - x0)}%`;
  element.style.height = `${100 * (y1 - y0)}%`;
}
