// Points on the frame, by mouse, and a tile with map and switch for each.

import * as paint from "./paint.js";
import { encoded, isMoved, look, move, movedTo, shown, state, title } from "./state.js";

const REACH = 16; // pixels from a point within which the mouse takes it
const STILL = 3; // pixels within which a press is a click and no drag
const TILE = 124; // pixels of a tile's width, at least
const HEAT = 0.65; // share of a map in its tile, the rest is the frame
const tiles = [];

/** Paint the points of a surface: all on the frame, on the redrawn picture the moved ones. */
export function paintPoints(surface, { numbers, trails }, movedOnly = false) {
  const points = shown().filter((k) => encoded(k) && (!movedOnly || isMoved(k)));
  points.sort((a, b) => (a === state.chosen) - (b === state.chosen)); // the chosen one on top
  if (trails && !movedOnly) points.forEach((k) => paintTrail(surface, k));
  for (const k of points) {
    const { colour, opacity, absent } = look(k);
    const target = movedTo(k);
    if (target) {
      paint.leash(surface, encoded(k), target, colour);
      paint.disc(surface, encoded(k), colour, 1, { ring: true });
    }
    const chosen = k === state.chosen; // a ring, for its map's peak to be seen
    const how = { chosen, ring: (absent || chosen) && !target };
    paint.disc(surface, target ?? encoded(k), colour, target ? 1 : opacity, how);
  }
  if (!numbers) return;
  for (const k of points) {
    const clear = movedTo(k) || k === state.chosen;
    const opacity = clear ? 1 : Math.max(0.45, look(k).opacity); // to be read even if faint
    paint.label(surface, movedTo(k) ?? encoded(k), title(k), opacity);
  }
}

function paintTrail(surface, k) {
  const { colour, opacity } = look(k);
  const way = [];
  for (let t = Math.max(0, state.t - state.about.trail); t <= state.t; t++) {
    if (encoded(k, t)) way.push(encoded(k, t));
  }
  paint.trail(surface, way, colour, opacity);
}

/** Make a tile for each point; `changed` is called after a switch, a choice. */
export function makeTiles(parent, changed) {
  for (const { number: k, colour, kept, reason, name } of state.about.points) {
    const tile = document.createElement("div");
    tile.className = "tile";
    const about = reason ? `${title(k)}: ${reason}` : title(k);
    tile.title = `${about} – click: lay this softmax map over the frame`;
    tile.innerHTML =
      '<div class="name"><input type="checkbox" checked><span class="swatch"></span>' +
      "<b></b><i></i><output></output></div><canvas></canvas>";
    const [box, swatch, canvas] = ["input", ".swatch", "canvas"].map((s) => tile.querySelector(s));
    tile.querySelector("b").textContent = k;
    tile.querySelector("i").textContent = kept === false ? "dropped" : name;
    swatch.style.background = colour;
    box.setAttribute("aria-label", `show point ${k}`);
    box.title = "show this point";
    box.addEventListener("click", (event) => event.stopPropagation());
    box.addEventListener("change", () => {
      state.hidden[box.checked ? "delete" : "add"](k);
      changed();
    });
    tile.addEventListener("click", () => choose(k, changed));
    parent.append(tile);
    tiles.push({ tile, box, canvas, mass: tile.querySelector("output") });
  }
}

/** Give the rows of tiles the same number, as far as they can have it. */
function arrange() {
  const parent = tiles[0].tile.parentElement;
  const most = Math.max(1, Math.floor(parent.clientWidth / TILE));
  const columns = Math.ceil(tiles.length / Math.ceil(tiles.length / most));
  parent.style.setProperty("--columns", Math.max(columns, Math.min(most, 6)));
}

function choose(k, changed) {
  state.chosen = state.chosen === k ? null : k;
  changed();
}

/** Paint every tile: the frame, dimmed, under the map's heat, as `dsae overlay --maps` does. */
export function paintTiles() {
  arrange();
  tiles.forEach(({ tile, box, canvas, mass }, k) => {
    tile.classList.toggle("off", state.hidden.has(k));
    tile.classList.toggle("chosen", state.chosen === k);
    box.checked = !state.hidden.has(k);
    const { mass: value, absent } = look(k);
    mass.textContent = state.episode.mass ? value.toFixed(2) : "";
    mass.classList.toggle("absent", absent);
    const surface = paint.prepare(canvas);
    paint.picture(surface, state.image);
    if (!state.maps) return;
    const { context, width, height } = surface;
    context.globalAlpha = HEAT;
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    context.globalAlpha = 1;
    context.globalCompositeOperation = "lighter";
    paint.heat(surface, state.maps, k, state.about.grid, state.colours, () => HEAT);
    context.globalCompositeOperation = "source-over";
  });
}

/** Let the mouse choose and drag points on a canvas; `moved` is called while one is dragged. */
export function takeMouse(canvas, { changed, moved, movedOnly = false }) {
  let held = null; // the point under a pressed button, and where it was pressed

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(-1, value));
    return {
      box,
      point: [
        inside((2 * (event.clientX - box.left)) / box.width - 1),
        inside((2 * (event.clientY - box.top)) / box.height - 1),
      ],
    };
  };
  const nearest = ({ box, point: [x, y] }) => {
    let best = { k: null, far: REACH };
    for (const k of shown()) {
      const where = movedTo(k) ?? (movedOnly ? null : encoded(k));
      if (!where) continue;
      const far = Math.hypot(((where[0] - x) * box.width) / 2, ((where[1] - y) * box.height) / 2);
      if (far < best.far - (best.k === state.chosen ? REACH / 2 : 0)) best = { k, far };
    }
    return best.k;
  };
  canvas.addEventListener("pointerdown", (event) => {
    const k = event.button === 0 ? nearest(at(event)) : null;
    if (k === null) return;
    held = { k, x: event.clientX, y: event.clientY, dragged: false };
    canvas.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!held) {
      const over = nearest(at(event)) !== null;
      canvas.style.cursor = over ? (state.about.movable ? "grab" : "pointer") : "";
      return;
    }
    held.dragged ||= Math.hypot(event.clientX - held.x, event.clientY - held.y) > STILL;
    if (!held.dragged || !state.about.movable) return;
    canvas.style.cursor = "grabbing";
    move(held.k, at(event).point);
    moved();
  });
  const release = () => {
    if (held && !held.dragged) choose(held.k, changed);
    held = null;
    canvas.style.cursor = "";
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
}
