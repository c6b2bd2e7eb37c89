/** Handle a key; return whether it has a meaning. */
function pressed(explorer, { key, shiftKey }) {
  const { map, data, points } = explorer;
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
  if (key in arrows) {
    const from = map.cellAt(explorer.place).place;
    const steps = [data.axes[0].step, map.isLine ? 0.05 : data.axes[1].step];
    const moved = from.map((value, i) => value + arrows[key][i] * steps[i] * (shiftKey ? 8 : 1));
    const inside = moved.map((value, i) => Math.min(map.extents[i][1], Math.max(map.extents[i][0], value)));
    explorer.moveTo(inside, { radius: 6 });
  } else if (key === "n" || key === "N" || key === "p" || key === "P") {
    const count = points.places.length;
    const way = key.toLowerCase() === "n" ? 1 : count - 1;
    let next = explorer.lastPoint ?? count - way;
    for (let tried = 0; tried < count; tried++) {
      next = (next + way) % count;
      if (map.shows(next)) break;
    }
    if (!map.shows(next)) return true;
    explorer.lastPoint = next;
    explorer.moveTo(points.places[next], { point: next });
  } else if (key === "Home") explorer.moveTo(explorer.middle());
  else if (key === "Enter" || key === " ") return explorer.choose(), true;
  else if (key === "Escape") return explorer.clear(), true;
  else return false;
  explorer.announcePlace();
  return true;
}

function listenToMap(explorer) {
  const canvas = explorer.element("map");
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return explorer.map.toPlace(event.clientX - box.left, event.clientY - box.top);
  };
  const move = (event) => explorer.moveTo(place(event), { radius: event.pointerType === "touch" ? 18 : 10 });
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerdown", move);
  canvas.addEventListener("click", () => explorer.choose());
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (pressed(explorer, event)) event.preventDefault();
  });
}

/** A button for each class, with its marker, which shows and hides its examples. */
function makeLegend(explorer) {
  const legend = explorer.element("legend");
  const { classes } = explorer.data;
  const present = new Set(explorer.points.labels ?? []);
  const buttons = [...present].sort((a, b) => a - b).map((label) => {
    const button = document.createElement("button");
    const marker = document.createElement("canvas");
    button.type = "button";
    button.dataset.label = label;
    button.append(marker, classes[label]);
    button.addEventListener("click", () => {
      explorer.hidden[explorer.hidden.has(label) ? "delete" : "add"](label);
      update();
    });
    return button;
  });
  const all = document.createElement("button");
  all.type = "button";
  all.addEventListener("click", () => {
    explorer.hidden = new Set(explorer.hidden.size ? [] : present);
    update();
  });
  const update = () => {
    buttons.forEach((button) => button.setAttribute("aria-pressed", !explorer.hidden.has(Number(button.dataset.label))));
    all.textContent = explorer.hidden.size ? "Show all" : "Hide all";
    explorer.showClasses();
  };
  legend.hidden = buttons.length === 0;
  legend.append(...buttons, all);
  explorer.drawLegend = () => buttons.forEach((button) => {
    const [canvas, label] = [button.firstChild, Number(button.dataset.label)];
    canvas.width = canvas.height = 28;
    const context = canvas.getContext("2d");
    context.scale(2.4, 2.4);
    drawMarker(context, 5.8, 5.8, label, explorer.map.colour(`--class-${label % 10}`), explorer.map.colour("--outline"));
  });
  return update;
}

function listenToControls(explorer) {
  const { data } = explorer;
  const condition = explorer.element("condition");
  explorer.element("condition-control").hidden = data.conditions.length === 0;
  condition.append(...data.conditions.map((name, index) => new Option(name, index)));
  const backdrop = explorer.element("backdrop");
  explorer.element("backdrop-control").hidden = data.format.kind !== "image";
  const changed = () => {
    explorer.condition = Number(condition.value) || 0;
    explorer.map.backdrop = backdrop.checked ? explorer.decoded : null;
    explorer.refresh();
  };
  condition.addEventListener("change", changed);
  backdrop.addEventListener("change", changed);
  explorer.element("clear").addEventListener("click", () => {
    explorer.clear();
    explorer.element("map").focus();
  });
}

function describe({ axes, plane, points, format, conditions }) {
  const many = points.places.length;
  const what = format.kind === "image" ? "image" : "example";
  const shape = plane
    ? `The latent space has ${plane.centre.length} dimensions. The map is the plane through the mean code along the first ` +
      "two principal components of the codes, and what it shows is decoded on that plane: an example that lies off it " +
      "differs from what is decoded at its place."
    : axes.length === 1
      ? "The map is the whole latent space, a line. The height of an example has no meaning; it keeps classes apart."
      : "The map is the whole latent space.";
  const grid = axes.map(({ count }) => count).join(" × ");
  const given = conditions.length ? " given the chosen class" : "";
  return (
    `${shape} ${many.toLocaleString("en")} examples lie where the model encodes them. Move over the map to see the ${what} ` +
    `decoded${given} at the nearest of ${grid} places, with the coordinates of that place.`
  );
}

/** The explorer of the page; global, so that it can be used from the browser's console. */
let explorer;

async function start() {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const open = (sheet) => openSheet(sheet, data.format);
  const [originals, reconstructions, ...grids] = await Promise.all(
    [data.points.originals, data.points.reconstructions, ...data.grids].map(open),
  );
  explorer = new Explorer(data, { originals, reconstructions, grids });
  const canvas = explorer.element("map");
  canvas.classList.toggle("line", explorer.map.isLine);
  document.getElementById("map-words").textContent = describe(data);
  explorer.map.resize();
  const updateLegend = makeLegend(explorer);
  const refresh = () => {
    explorer.drawLegend();
    explorer.refresh();
  };
  listenToMap(explorer);
  listenToControls(explorer);
  updateLegend();
  new ResizeObserver(refresh).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
  // Printing and screens of another pixel density change the size.
  addEventListener("resize", refresh);
  document.getElementById("explorer").dataset.ready = "true";
}

start();
