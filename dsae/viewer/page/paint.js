// Painting on canvases: frames, points, trails, softmax maps.

const DARK = "#141414";
const RADIUS = 7; // pixels of a point

/** Make a canvas as fine as the screen; return its context, in CSS pixels, and its size. */
export function prepare(canvas) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const [columns, rows] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.globalAlpha = 1;
  context.imageSmoothingEnabled = false; // every pixel of the picture is to be seen as one
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Where a point, (x, y) in [-1, 1] from edge to edge, lies on a surface. */
export function place(surface, [x, y]) {
  return [((x + 1) / 2) * surface.width, ((y + 1) / 2) * surface.height];
}

/** Paint a picture over all of a surface. */
export function picture(surface, image) {
  if (image) surface.context.drawImage(image, 0, 0, surface.width, surface.height);
}

/**
 * Paint map k of a frame as heat. Its cells lie where the grid says, which may leave a margin.
 * `cover(share)` is the opacity of a cell with that share of the map's peak.
 */
export function heat(surface, maps, k, grid, colours, cover) {
  const { height, width, levels } = maps;
  const small = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  for (let cell = 0; cell < width * height; cell++) {
    const level = levels[k * width * height + cell];
    for (let part = 0; part < 3; part++) pixels.data[4 * cell + part] = colours[3 * level + part];
    pixels.data[4 * cell + 3] = Math.round(255 * cover(level / 255));
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  // The grid names the centres of the outermost cells; these reach half a cell further.
  const halfX = width > 1 ? (grid.right - grid.left) / (width - 1) / 2 : 1;
  const halfY = height > 1 ? (grid.bottom - grid.top) / (height - 1) / 2 : 1;
  const [left, top] = place(surface, [grid.left - halfX, grid.top - halfY]);
  const [right, bottom] = place(surface, [grid.right + halfX, grid.bottom + halfY]);
  const { context } = surface;
  context.imageSmoothingEnabled = true;
  context.drawImage(small, left, top, right - left, bottom - top);
  context.imageSmoothingEnabled = false;
}

/** Paint the way that a point came. */
export function trail(surface, points, colour, opacity) {
  const { context } = surface;
  context.globalAlpha = opacity;
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.beginPath();
  points.forEach((point) => context.lineTo(...place(surface, point)));
  context.stroke();
  context.globalAlpha = 1;
}

/** Paint a point as a disc with a dark rim, or, where it was before it was moved, as a ring. */
export function disc(surface, point, colour, opacity, { ring = false, chosen = false } = {}) {
  const { context } = surface;
  const [x, y] = place(surface, point);
  context.globalAlpha = opacity;
  circle(context, x, y, RADIUS - 1);
  if (ring) {
    outlined(context, colour, 2);
  } else {
    context.fillStyle = colour;
    context.fill();
    context.strokeStyle = DARK;
    context.lineWidth = 2;
    context.stroke();
  }
  context.globalAlpha = 1;
  if (chosen) {
    circle(context, x, y, RADIUS + 3);
    outlined(context, "#fff", 2);
  }
}

/** Paint a line from where a point was encoded to where it was moved. */
export function leash(surface, from, to, colour) {
  const { context } = surface;
  context.beginPath();
  context.moveTo(...place(surface, from));
  context.lineTo(...place(surface, to));
  context.setLineDash([4, 4]);
  outlined(context, colour, 2);
  context.setLineDash([]);
}

/** Paint a true keypoint as a cross; a hidden one is dashed. */
export function cross(surface, [x, y, visible], name) {
  const { context } = surface;
  const [column, row] = place(surface, [x, y]);
  context.globalAlpha = visible ? 1 : 0.6;
  context.beginPath();
  context.moveTo(column - 9, row);
  context.lineTo(column + 9, row);
  context.moveTo(column, row - 9);
  context.lineTo(column, row + 9);
  if (!visible) context.setLineDash([3, 3]);
  outlined(context, "#fff", 2);
  context.setLineDash([]);
  label(surface, [x, y], visible ? name : `${name} (hidden)`, 1, { below: true });
}

/** Write beside a point, inside the surface. */
export function label(surface, point, text, opacity, { below = false } = {}) {
  const { context, width, height } = surface;
  const [x, y] = place(surface, point);
  context.globalAlpha = opacity;
  context.font = "600 12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const long = context.measureText(text).width;
  const column = x + 11 + long > width ? x - 11 - long : x + 11;
  const row = Math.min(Math.max(y + (below ? 12 : -9), 8), height - 8);
  context.strokeStyle = DARK;
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeText(text, column, row);
  context.fillStyle = "#fff";
  context.fillText(text, column, row);
  context.globalAlpha = 1;
}

function circle(context, x, y, radius) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
}

function outlined(context, colour, width) {
  context.strokeStyle = DARK;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}
