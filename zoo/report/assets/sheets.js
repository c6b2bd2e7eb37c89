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

  /** The values, if they are few. */
  words(index) {
    return this.format.features > 8 ? "" : `x = ${[...this.vector(index)].map((value) => written(value, 3)).join(", ")}`;
  }

  draw(canvas, index) {
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
}

/** Unpack a sheet of the page's format. */
const openSheet = (sheet, format) => (format.kind === "image" ? ImageSheet : ValueSheet).open(sheet, format);
