/** The state of the explorer: the cursor, the example there, the classes shown, and the ends of the path. */
class Explorer {
  constructor(data, sheets) {
    Object.assign(this, { data, sheets });
    this.element = (name) => document.getElementById(name);
    this.points = { ...data.points, places: data.points.places.map((place, i) => this.spreadOut(place, i)) };
    this.map = new LatentMap(this.element("map"), data.axes, this.points);
    this.hidden = new Set();
    this.map.shows = (index) => !this.points.labels || !this.hidden.has(this.points.labels[index]);
    this.condition = 0;
    this.ends = [];
    this.point = null;
    this.place = this.middle();
    // An empty canvas has the size of a full one, so that nothing jumps.
    const { width = 240, height = 240 } = data.format;
    for (const name of ["original", "reconstruction"]) Object.assign(this.element(name), { width, height });
  }

  get decoded() {
    return this.sheets.grids[this.condition];
  }

  middle() {
    return this.map.extents.map(([low, high]) => (low < 0 && high > 0 && !this.map.isLine ? 0 : (low + high) / 2));
  }

  /** On a line, give each class a lane, and each example a fixed height in it. */
  spreadOut(place, index) {
    if (place.length > 1) return place;
    const { labels } = this.data.points;
    const lanes = Math.max(1, this.data.classes.length);
    const lane = labels ? lanes - 1 - labels[index] : 0;
    return [place[0], (lane + 0.15 + 0.7 * ((index * 0.618034) % 1)) / lanes];
  }

  /** Go to a place and show the example there: the given one, or one within so many pixels. */
  moveTo(place, { point = null, radius = 10 } = {}) {
    this.place = place;
    this.point = point ?? this.map.pointAt(place, radius);
    this.show();
  }

  show() {
    const { points, data } = this;
    const cell = this.map.cellAt(this.place);
    this.decoded.draw(this.element("decoded"), cell.index);
    this.element("coordinates").textContent = this.coordinates(cell.place, data.axes.map((axis) => axis.decimals));
    const found = this.point !== null;
    if (found) {
      this.sheets.originals.draw(this.element("original"), this.point);
      this.sheets.reconstructions.draw(this.element("reconstruction"), this.point);
    } else {
      for (const name of ["original", "reconstruction"]) {
        const canvas = this.element(name);
        canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      }
    }
    this.element("decoded-values").textContent = this.decoded.words(cell.index);
    this.element("original-values").textContent = found ? this.sheets.originals.words(this.point) : "";
    this.element("reconstruction-values").textContent = found ? this.sheets.reconstructions.words(this.point) : "";
    this.element("example").textContent = found ? this.exampleName(this.point) : "no example here";
    this.element("example-place").textContent = found ? this.coordinates(data.points.places[this.point], [2, 2]) : "";
    this.drawMap();
  }

  drawMap() {
    this.map.draw({
      cursor: this.map.cellAt(this.place).place,
      point: this.point,
      ends: this.ends.map((end) => end.place),
      path: this.path(),
    });
  }

  coordinates(place, decimals) {
    return this.data.axes.map(({ symbol }, i) => `${symbol}\u00a0=\u00a0${written(place[i], decimals[i])}`).join(", ");
  }

  exampleName(point) {
    const { labels, indices } = this.points;
    return `example ${indices[point]}` + (labels ? `, class\u00a0${this.data.classes[labels[point]]}` : "");
  }

  /** Make the place of the cursor an end of the path; a third choice starts a new path. */
  choose() {
    if (this.ends.length === 2) this.ends = [];
    const place = this.point === null ? this.map.cellAt(this.place).place : this.points.places[this.point];
    this.ends.push({ place, point: this.point });
    this.showPath();
    this.announce(`${"AB"[this.ends.length - 1]} is ${this.endName(this.ends.length - 1)}.`, 0);
  }

  clear() {
    this.ends = [];
    this.showPath();
    this.announce("The path is cleared.", 0);
  }

  endName(index) {
    const { place, point } = this.ends[index];
    return point === null ? this.coordinates(place, [2, 2]) : this.exampleName(point);
  }

  /** The places of the path at equal steps, ends included; none before both ends are chosen. */
  path() {
    if (this.ends.length < 2) return [];
    const [start, end] = this.ends.map(({ place }) => place);
    const last = this.data.steps - 1;
    return Array.from({ length: last + 1 }, (_, i) => start.map((value, k) => value + ((end[k] - value) * i) / last));
  }

  showPath() {
    const strip = this.element("filmstrip");
    const path = this.path();
    const original = (end, name) => this.frame(this.sheets.originals, end.point, `original ${name}`, "original");
    const frames = path.map((place, i) => {
      const cell = this.map.cellAt(place);
      const where = cell.place.slice(0, this.data.axes.length);
      const caption = where.map((value, k) => written(value, this.data.axes[k].decimals)).join(", ");
      return this.frame(this.decoded, cell.index, caption, "frame", i === 0 ? "A" : i === path.length - 1 ? "B" : "");
    });
    if (path.length && this.ends[0].point !== null) frames.unshift(original(this.ends[0], "A"));
    if (path.length && this.ends[1].point !== null) frames.push(original(this.ends[1], "B"));
    strip.replaceChildren(...frames);
    this.element("clear").hidden = this.ends.length === 0;
    this.element("path-words").textContent = [
      "Choose two places or examples on the map to see what is decoded between them.",
      this.ends.length && `A is ${this.endName(0)}. Choose the other end.`,
      path.length && `From A, ${this.endName(0)}, to B, ${this.endName(1)}: decoded at equal steps along the straight line.`,
    ][this.ends.length];
    this.drawMap();
  }

  frame(sheet, index, caption, kind, letter = "") {
    const item = document.createElement("li");
    const canvas = document.createElement("canvas");
    const words = document.createElement("span");
    item.className = kind;
    item.append(canvas, words);
    sheet.draw(canvas, index, true);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", kind === "frame" ? `Decoded at ${caption}` : caption);
    words.textContent = caption;
    if (letter) {
      const mark = document.createElement("b");
      mark.textContent = letter;
      item.append(mark);
    }
    return item;
  }

  /** Show all classes but the hidden ones; deselect an example that is no longer shown. */
  showClasses() {
    if (this.point !== null && !this.map.shows(this.point)) this.point = null;
    this.map.drawStill();
    this.show();
  }

  /** Redraw in the current size and colours. */
  refresh() {
    this.map.resize();
    this.show();
    this.showPath();
  }

  /** Announce to a screen reader, once the cursor rests. */
  announce(text, delay = 400) {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => {
      this.element("announcement").textContent = text;
    }, delay);
  }

  announcePlace() {
    const example = this.point === null ? "" : `; ${this.exampleName(this.point)}`;
    this.announce(`${this.element("coordinates").textContent}${example}`);
  }
}
