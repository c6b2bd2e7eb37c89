/** The drawing of the map: axes, points, cursor and path; and the conversion of pixels to places and back. */
class LatentMap {
  /**
   * @param canvas where it is drawn.
   * @param axes one for a line, two for a plane.
   * @param points places and labels of the examples.
   */
  constructor(canvas, axes, points) {
    Object.assign(this, { canvas, axes, points });
    this.isLine = axes.length === 1;
    this.extents = axes.map(({ first, count, step }) => [(first - 0.5) * step, (first + count - 0.5) * step]);
    // The second direction of a line has no meaning: it keeps the classes apart.
    if (this.isLine) this.extents.push([0, 1]);
    this.still = document.createElement("canvas");
    this.backdrop = null;
    this.shows = () => true;
  }

  /** Fit the canvas to its place in the page, then draw what does not move. */
  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    // A narrow map has less room for everything.
    this.scale = width < 420 ? 0.8 : 1;
    const left = this.isLine ? 12 : 56 * this.scale;
    this.frame = { left, top: 10, width: width - left - 12, height: height - 52 };
    this.drawStill();
  }

  /** Where a place is drawn, in CSS pixels from the corner of the canvas. */
  toScreen([u, v]) {
    const [[left, right], [bottom, top]] = this.extents;
    const { frame } = this;
    return [
      frame.left + ((u - left) / (right - left)) * frame.width,
      frame.top + ((top - v) / (top - bottom)) * frame.height,
    ];
  }

  /** The place at a position of the canvas, kept within the map. */
  toPlace(x, y) {
    const [[left, right], [bottom, top]] = this.extents;
    const share = (value, start, size) => Math.min(1, Math.max(0, (value - start) / size));
    return [
      left + share(x, this.frame.left, this.frame.width) * (right - left),
      top - share(y, this.frame.top, this.frame.height) * (top - bottom),
    ];
  }

  /** The cell of the grid that is nearest to a place: where it lies in the sheet, and its own place. */
  cellAt(place) {
    const [across, up] = this.axes.map(({ first, count, step }, i) =>
      Math.min(count - 1, Math.max(0, Math.round(place[i] / step) - first)),
    );
    const at = (i, index) => Number(((this.axes[i].first + index) * this.axes[i].step).toFixed(this.axes[i].decimals));
    if (this.isLine) return { index: across, place: [at(0, across), place[1]] };
    const row = this.axes[1].count - 1 - up;
    return { index: row * this.axes[0].count + across, place: [at(0, across), at(1, up)] };
  }

  /** The shown example nearest to a place and within so many CSS pixels of it, or null. */
  pointAt(place, radius) {
    const [x, y] = this.toScreen(place);
    let nearest = null;
    let distance = radius;
    this.points.places.forEach((other, index) => {
      if (!this.shows(index)) return;
      const [left, top] = this.toScreen(other);
      const away = Math.hypot(left - x, top - y);
      if (away <= distance) [nearest, distance] = [index, away];
    });
    return nearest;
  }

  colour(name) {
    return getComputedStyle(this.canvas).getPropertyValue(name).trim();
  }

  /** Draw everything but the cursor and the path; called again when size, theme, classes or backdrop change. */
  drawStill() {
    const context = this.still.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.still.width, this.still.height);
    const { left, top, width, height } = this.frame;
    context.fillStyle = this.colour("--plot");
    context.fillRect(left, top, width, height);
    if (this.backdrop) this.drawBackdrop(context);
    this.drawAxes(context);
    const rank = new Map();
    this.points.places.forEach((place, index) => {
      if (!this.shows(index)) return;
      const label = this.points.labels ? this.points.labels[index] : 0;
      if (!rank.has(label)) rank.set(label, this.colour(`--class-${label % 10}`));
      const [x, y] = this.toScreen(place);
      drawMarker(context, x, y, label, rank.get(label), this.colour("--outline"), this.scale);
    });
  }

  /** Tile the map with decoded images, each decoded at the middle of its tile. */
  drawBackdrop(context) {
    const { left, top, width, height } = this.frame;
    const columns = Math.max(4, Math.floor(width / 26));
    const size = width / columns;
    const rows = this.isLine ? 1 : Math.max(1, Math.round(height / size));
    const tile = document.createElement("canvas");
    const tall = this.isLine ? Math.min(size, height) : height / rows;
    context.save();
    context.globalAlpha = Number(this.colour("--backdrop"));
    context.imageSmoothingQuality = "high";
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const [x, y] = [left + column * size, top + (row * height) / rows];
        this.backdrop.draw(tile, this.cellAt(this.toPlace(x + size / 2, y + height / rows / 2)).index);
        // Reduced, an image is smoothed; enlarged, it keeps its pixels.
        context.imageSmoothingEnabled = tile.width > size * this.ratio;
        context.drawImage(tile, x + 1, y + (height / rows - tall) / 2 + 1, size - 2, tall - 2);
      }
    }
    context.restore();
  }

  drawAxes(context) {
    const { left, top, width, height } = this.frame;
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = this.colour("--soft");
    context.lineWidth = 1;
    this.axes.forEach((axis, i) => {
      for (const value of niceTicks(...this.extents[i], (i === 0 ? width : height) / 50)) {
        const [x, y] = this.toScreen(i === 0 ? [value, this.extents[1][0]] : [this.extents[0][0], value]);
        context.strokeStyle = this.colour(value === 0 ? "--axis" : "--grid");
        context.beginPath();
        context.moveTo(x, y);
        if (!this.backdrop) context.lineTo(...(i === 0 ? [x, top] : [left + width, y]));
        context.stroke();
        context.textAlign = i === 0 ? "center" : "right";
        context.textBaseline = i === 0 ? "top" : "middle";
        context.fillText(written(value), i === 0 ? x : left - 7, i === 0 ? top + height + 7 : y);
      }
    });
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText(this.axes[0].name, left + width / 2, top + height + 42, width + 30);
    if (!this.isLine) {
      context.save();
      context.translate(2, top + height / 2);
      context.rotate(-Math.PI / 2);
      context.textBaseline = "top";
      context.fillText(this.axes[1].name, 0, 0, height);
      context.restore();
    }
  }

  /** Draw everything: `cursor` and `ends` are places, `point` is the index of an example, `path` is a list of places. */
  draw({ cursor, point, ends, path }) {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.still, 0, 0);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const line = (places, colour, thickness) => {
      context.strokeStyle = colour;
      context.lineWidth = thickness;
      context.beginPath();
      places.forEach((place) => context.lineTo(...this.toScreen(place)));
      context.stroke();
    };
    const [ink, plot] = [this.colour("--ink"), this.colour("--plot")];
    if (path.length) {
      for (const [colour, thickness] of [[plot, 6], [ink, 2.5]]) line([path[0], path[path.length - 1]], colour, thickness);
      path.forEach((place) => drawDot(context, ...this.toScreen(place), 4, ink, plot));
    }
    const [[left, right], [bottom, top]] = this.extents;
    line([[left, cursor[1]], [right, cursor[1]]].slice(0, this.isLine ? 0 : 2), this.colour("--cross"), 1);
    line([[cursor[0], bottom], [cursor[0], top]], this.colour("--cross"), 1);
    if (point !== null) drawRing(context, ...this.toScreen(this.points.places[point]), ink, plot);
    else if (!this.isLine) drawDot(context, ...this.toScreen(cursor), 3, ink, plot);
    ends.forEach((place, index) => drawEnd(context, ...this.toScreen(place), "AB"[index], ink, plot));
  }
}

/** A marker whose shape tells classes apart as well as its colour does. */
function drawMarker(context, x, y, label, colour, outline, scale = 1) {
  const shape = label % 5;
  context.beginPath();
  if (shape === 0) context.arc(x, y, 3.2 * scale, 0, 2 * Math.PI);
  else if (shape === 1) context.rect(x - 2.8 * scale, y - 2.8 * scale, 5.6 * scale, 5.6 * scale);
  else {
    const corners = { 2: [0, -4, 3.7, 2.7, -3.7, 2.7], 3: [0, -4.1, 4.1, 0, 0, 4.1, -4.1, 0], 4: [0, 4, 3.7, -2.7, -3.7, -2.7] };
    const at = corners[shape].map((value) => value * scale);
    for (let i = 0; i < at.length; i += 2) context.lineTo(x + at[i], y + at[i + 1]);
    context.closePath();
  }
  context.fillStyle = colour;
  context.fill();
  context.strokeStyle = outline;
  context.lineWidth = 0.75;
  context.stroke();
}

function drawDot(context, x, y, radius, fill, outline) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.strokeStyle = outline;
  context.lineWidth = 1.5;
  context.stroke();
}

function drawRing(context, x, y, ink, plot) {
  for (const [colour, thickness] of [[plot, 5], [ink, 2.5]]) {
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.stroke();
  }
}

function drawEnd(context, x, y, letter, ink, plot) {
  drawDot(context, x, y, 10, ink, plot);
  context.fillStyle = plot;
  context.font = "bold 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y + 0.5);
}

/** About so many round numbers within a range. */
function niceTicks(low, high, count) {
  const rough = (high - low) / Math.max(2, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= 0.75 * rough);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** A number in writing, with so many decimals if given. */
function written(value, decimals) {
  const text = decimals === undefined ? String(value) : value.toFixed(decimals);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}
