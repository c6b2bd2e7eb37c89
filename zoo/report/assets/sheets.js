"use strict";

/** Many images packed into one. */
class ImageSheet {
  /** Unpack a sheet, with exactly the pixels of the file. */
  static async open(sheet, format) {
    const image = new Image();
    image.src = sheet.source;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    return new ImageSheet(new Uint32Array(pixels.data.buffer), canvas.width, sheet, format);
  }

  constructor(pixels, stride, sheet, format) {
    Object.assign(this, { pixels, sheet, width: format.width, height: format.height });
    // Smooth sheets hold every image's first pixel, then every image's second; the others, image beside image.
    this.strides = sheet.smooth
      ? { row: stride, column: 1, y: sheet.rows * stride, x: sheet.columns }
      : { row: format.height * stride, column: format.width, y: stride, x: 1 };
  }

  /** Return one image, as pixels. */
  image(index) {
    const { row, column, y, x } = this.strides;
    const start = Math.floor(index / this.sheet.columns) * row + (index % this.sheet.columns) * column;
    const image = new ImageData(this.width, this.height);
    const target = new Uint32Array(image.data.buffer);
    for (let i = 0; i < this.height; i++) {
      for (let j = 0; j < this.width; j++) {
        target[i * this.width + j] = this.pixels[start + i * y + j * x];
      }
    }
    return image;
  }

  /** Text beside the image: none. */
  words() {
    return "";
  }

  /** Show one image on a canvas of its size, one pixel for each value; the style sheet enlarges it. */
  draw(canvas, index) {
    canvas.width = this.width;
    canvas.height = this.height;
    canvas.getContext("2d").putImageData(this.image(index), 0, 0);
  }
}

/** Many short vectors, shown as bars. */
class ValueSheet {
  static async open(sheet, format) {
    const bytes = Uint8Array.from(atob(sheet.source), (character) => character.charCodeAt(0));
    return new ValueSheet(new Float32Array(bytes.buffer), format);
  }

  constructor(values, format) {
    Object.assign(this, { values, format });
  }

  vector(index) {
    return this.values.subarray(index * this.format.features, (index + 1) * this.format.features);
  }

  /** The values, if they are few and have no names, which stand beside the bars. */
  words(index) {
    return this.format.features > 8 || this.format.names?.length ? "" : `x = ${[...this.vector(index)].map((value) => written(value, 3)).join(", ")}`;
  }

  /** Show the bars of one vector, with their names unless they would be too small to read. */
  draw(canvas, index, small = false) {
    if (this.format.names?.length && !small) {
      this.drawNamed(canvas, index);
      return;
    }
    const { features, low, high } = this.format;
    canvas.width = canvas.height = 240;
    const context = canvas.getContext("2d");
    const values = this.vector(index);
    const height = (value) => 230 - (220 * (value - low)) / (high - low || 1);
    const style = getComputedStyle(document.documentElement);
    context.fillStyle = style.getPropertyValue("--accent");
    values.forEach((value, feature) => {
      const top = Math.max(0, Math.min(height(value), height(0)));
      const bottom = Math.min(240, Math.max(height(value), height(0)));
      context.fillRect((feature + 0.15) * (240 / features), top, 0.7 * (240 / features), Math.max(1, bottom - top));
    });
    context.fillStyle = style.getPropertyValue("--ink");
    context.fillRect(0, height(0) - 0.5, 240, 1);
    // The exact values of the bars.
    canvas.dataset.values = [...values].join(" ");
  }

  /** Bars from the left, a line each, with their names. */
  drawNamed(canvas, index) {
    const { features, names, low, high } = this.format;
    const line = 18;
    canvas.width = 300;
    canvas.height = features * line + 4;
    canvas.style.imageRendering = "auto"; // letters are not pixels
    const context = canvas.getContext("2d");
    const across = (value) => 130 + (165 * (Math.min(Math.max(value, low), high) - low)) / (high - low || 1);
    const style = getComputedStyle(document.documentElement);
    context.font = "12px sans-serif";
    context.textBaseline = "middle";
    this.vector(index).forEach((value, feature) => {
      const top = 2 + feature * line;
      const [left, right] = [across(0), across(value)].sort((a, b) => a - b);
      context.fillStyle = style.getPropertyValue("--accent");
      if (Number.isFinite(value)) context.fillRect(left, top + 3, Math.max(1, right - left), line - 6);
      context.fillStyle = style.getPropertyValue("--ink");
      context.fillText(names[feature], 0, top + line / 2, 124);
    });
    context.fillRect(across(0) - 0.5, 0, 1, canvas.height);
    canvas.dataset.values = [...this.vector(index)].join(" ");
  }
}

/** Many series, shown as lines, a colour for each channel. */
class SeriesSheet extends ValueSheet {
  static async open(sheet, format) {
    const bytes = Uint8Array.from(atob(sheet.source), (character) => character.charCodeAt(0));
    return new SeriesSheet(new Float32Array(bytes.buffer), format);
  }

  words() {
    return "";
  }

  draw(canvas, index) {
    const { features, channels, low, high } = this.format;
    const length = features / channels;
    canvas.width = 300;
    canvas.height = 180;
    canvas.style.imageRendering = "auto";
    const context = canvas.getContext("2d");
    const values = this.vector(index);
    const style = getComputedStyle(document.documentElement);
    const colours = [style.getPropertyValue("--accent"), "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"];
    context.lineWidth = 2;
    for (let channel = 0; channel < channels; channel++) {
      context.strokeStyle = colours[channel % colours.length];
      context.beginPath();
      for (let step = 0; step < length; step++) {
        const height = 172 - (164 * (values[channel * length + step] - low)) / (high - low || 1);
        context.lineTo(4 + (292 * step) / Math.max(1, length - 1), height);
      }
      context.stroke();
    }
    canvas.dataset.values = [...values].join(" ");
  }
}

const SHEETS = { image: ImageSheet, values: ValueSheet, series: SeriesSheet };

/** Unpack a sheet of the page's format. */
const openSheet = (sheet, format) => SHEETS[format.kind].open(sheet, format);
