// What is shown: one object, and questions to it.

export const state = {
  about: null, // what /api/run says
  colours: null, // of heat, 256 × 3 bytes
  episode: null, // where the points are in all its frames
  t: 0, // frame that is shown
  wanted: 0, // frame that was asked for last
  image: null, // the frame's picture
  drawn: null, // the decoder's
  changed: null, // the decoder's, of the changed code
  code: [],
  maps: null, // with `levels`, K × height × width bytes
  moved: new Map(), // number of the code -> value
  hidden: new Set(), // points that are switched off
  chosen: null, // point whose map lies over the frame
  playing: false,
};

/** Where a point was encoded in a frame; null if nowhere. */
export function encoded(k, t = state.t) {
  const point = state.episode.points[t][k];
  return point.includes(null) ? null : point;
}

/** Where a point was moved to; null if it was not. */
export function movedTo(k) {
  return isMoved(k) ? [2 * k, 2 * k + 1].map((number) => state.moved.get(number)) : null;
}

export function isMoved(k) {
  return state.about.movable && state.moved.has(2 * k);
}

export function move(k, [x, y]) {
  state.moved.set(2 * k, x).set(2 * k + 1, y);
}

/** A point's colour, how far its map's spread lets it fade, and whether it counts as absent. */
export function look(k) {
  const mass = state.episode.mass?.[state.t][k] ?? 1;
  const { faint, points } = state.about;
  const { colour, threshold } = points[k];
  const absent = threshold !== null && mass < threshold;
  return { colour, opacity: faint + (1 - faint) * mass, mass, absent };
}

/** A point's number, and the name of what it follows. */
export function title(k) {
  const { number, name } = state.about.points[k];
  return name ? `${number} ${name}` : `${number}`;
}

/** Points that are switched on. */
export function shown() {
  return state.about.points.map((point) => point.number).filter((k) => !state.hidden.has(k));
}
