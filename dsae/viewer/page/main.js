// The page: what a person does, what is asked for it, what is painted then.

import { ask, bytes, decoded, newest } from "./api.js";
import * as paint from "./paint.js";
import { makeTiles, paintPoints, paintTiles, takeMouse } from "./points.js";
import { makeSliders, setSliders } from "./sliders.js";
import { movedTo, state, title } from "./state.js";

const $ = (id) => document.getElementById(id);
const HEAT = 0.8; // opacity of a map's peak over the frame

const frames = newest(async (t) => {
  const { number } = state.episode;
  const answer = await ask(`/api/episodes/${number}/frames/${t}`);
  const [image, drawn] = await Promise.all([decoded(answer.picture), decoded(answer.drawn)]);
  if (number !== state.episode.number) return;
  const maps = answer.maps && { ...answer.maps, levels: bytes(answer.maps.levels) };
  Object.assign(state, { t, image, drawn, maps, code: answer.code });
  if (state.moved.size) drawings();
  refresh();
});

function show(t) {
  state.wanted = t;
  return frames(t);
}

const drawings = newest(async () => {
  const moved = Object.fromEntries(state.moved);
  const path = `/api/episodes/${state.episode.number}/frames/${state.t}/drawing`;
  state.changed = await decoded((await ask(path, { moved })).drawn);
  refresh();
});

const episodes = newest(async (number, t) => {
  $("clock").textContent = "encoding …";
  try {
    const episode = await ask(`/api/episodes/${number}`);
    state.moved.clear();
    Object.assign(state, { episode, image: null }); // nothing is painted until its frame is there
    $("frame").max = episode.length - 1;
    await show(Math.min(t, episode.length - 1));
  } finally {
    $("episode").value = state.episode?.number;
    refresh();
  }
});

let wanted = false;
/** Paint everything once before the screen is next drawn. */
function refresh() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => {
    wanted = false;
    if (state.image) paintAll();
  });
}

function paintAll() {
  const { about, episode, t } = state;
  $("frame").value = t;
  $("clock").textContent = `frame ${t} / ${episode.length - 1} · ${(t / episode.fps).toFixed(2)} s`;
  $("previous").disabled = episode.number === 0;
  $("next").disabled = episode.number === about.episodes.length - 1;
  remember();
  const choices = { numbers: $("show-numbers").checked, trails: $("show-trails").checked };
  paintSeen(choices);
  paint.picture(paint.prepare($("drawn")), state.drawn);
  const changed = paint.prepare($("changed"));
  paint.picture(changed, state.moved.size ? state.changed : state.drawn);
  if (about.points.length) {
    paintPoints(changed, choices, true);
    paintTiles();
  }
  $("reset").disabled = state.moved.size === 0;
  $("changed-note").textContent = note();
  $("truth-choice").hidden = !episode.truth;
  setSliders();
}

let remembering = null;
/** Put the place into the address, for a reload, once one stays there: browsers limit how often. */
function remember() {
  clearTimeout(remembering);
  const place = `#${state.episode.number}/${state.t}`;
  remembering = setTimeout(() => history.replaceState(null, "", place), 300);
}

function paintSeen(choices) {
  const { about, chosen, colours, maps, t } = state;
  const surface = paint.prepare($("seen"));
  paint.picture(surface, state.image);
  if (chosen !== null && maps) {
    const cover = (share) => HEAT * Math.sqrt(share); // a faint tail of the map is seen as well
    paint.heat(surface, maps, chosen, about.grid, colours, cover);
  }
  if (about.points.length) paintPoints(surface, choices);
  $("seen-note").textContent = chosen === null ? "" : `under the softmax map of point ${title(chosen)}`;
  const { truth } = state.episode;
  if (!truth || !$("show-truth").checked) return;
  truth[t].forEach((point, n) => {
    if (!point.includes(null)) paint.cross(surface, point, about.truth_names[n]);
  });
}

function note() {
  const { about, moved } = state;
  if (!moved.size) return about.movable ? "drag a point to change it" : "move a slider to change it";
  const names = about.points.filter(({ number: k }) => movedTo(k)).map(({ number: k }) => title(k));
  const others = about.numbers.filter(({ number }) => moved.has(number)).map(({ name }) => name);
  const points = names.length ? [`point ${names.join(", ")}`] : [];
  return `with ${[...points, ...others].join(", ")} moved`;
}

async function play() {
  state.playing = !state.playing;
  showPlaying();
  let missed = 0;
  while (state.playing) {
    const begin = performance.now();
    const period = 1000 / state.episode.fps / Number($("speed").value);
    const step = 1 + Math.floor(missed / period); // what was too slow to show is left out
    await show((state.t + step) % state.episode.length);
    if (!$("problem").hidden) state.playing = false;
    const rest = period - (performance.now() - begin);
    missed = Math.min(1000, Math.max(0, (missed % period) - rest));
    await new Promise((resume) => setTimeout(resume, Math.max(0, rest)));
  }
  showPlaying();
}

function showPlaying() {
  $("play").textContent = state.playing ? "❚❚ Pause" : "▶ Play";
}

function step(by) {
  state.playing = false;
  show(Math.min(Math.max(state.wanted + by, 0), state.episode.length - 1));
}

function turn(by) {
  const number = state.episode.number + by;
  if (number >= 0 && number < state.about.episodes.length) episodes(number, 0);
}

function reset() {
  state.moved.clear();
  refresh();
}

/** Switch on the points that `wanted` says, and all others off. */
function switchOn(wanted) {
  const others = state.about.points.filter((point) => !wanted(point));
  state.hidden = new Set(others.map(({ number }) => number));
  refresh();
}

const KEYS = {
  ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
  ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
  Home: () => step(-Infinity),
  End: () => step(Infinity),
  PageUp: () => turn(-1),
  PageDown: () => turn(1),
  " ": play,
  r: reset,
  Escape: () => {
    state.chosen = null;
    refresh();
  },
};

function press(event) {
  const { target } = event;
  const own = target.matches("select, .number input") || (event.key === " " && target.matches("button, input"));
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (own || event.ctrlKey || event.altKey || event.metaKey || !(key in KEYS)) return;
  event.preventDefault();
  KEYS[key](event);
}

function listEpisodes() {
  for (const { number, length, success, held_out: heldOut } of state.about.episodes) {
    const facts = [`${number}`, `${length} frames`];
    if (success !== null) facts.push(success ? "success" : "no success");
    if (heldOut) facts.push("held out");
    $("episode").add(new Option(facts.join(" · "), number));
  }
}

/** Fill in what never changes, and leave out what this encoder has not got. */
function introduce() {
  const { about } = state;
  const count = about.points.length;
  const code = count ? `${count} feature points` : `a code of ${about.code_size} numbers`;
  $("subject").innerHTML = "<b></b> <span></span>";
  $("subject").firstChild.textContent = about.run;
  $("subject").lastChild.textContent = ` ${about.encoder}, ${code} · camera ${about.camera} of ${about.data}`;
  document.title = `${about.run} · dsae view`;
  document.body.style.setProperty("--aspect", about.image.width / about.image.height);
  const still = Boolean(about.cannot_draw);
  document.querySelectorAll(".drawing").forEach((figure) => (figure.hidden = still));
  $("cannot-draw").hidden = !still;
  $("cannot-draw").textContent = `Nothing is drawn: ${about.cannot_draw}.`;
  $("points").hidden = !count;
  $("kept").hidden = !about.points.some(({ kept }) => kept !== null);
  const red = about.points.some(({ threshold }) => threshold !== null) ? " (red: absent)" : "";
  const tile = `Tiles: each point's softmax map, and its mass around the point${red}`;
  const fixed = still ? "nothing could be drawn of it" : "the code is made of other numbers";
  $("points-note").textContent = about.movable ? tile : `${tile}. No point can be moved: ${fixed}`;
  $("numbers").hidden = count > 0 && !about.numbers.length;
  const unit = about.numbers[0]?.carries.endsWith("nats") ? "KL to the prior" : "spread on the data";
  const carry = `those that carry most first (${unit})`;
  const none = count ? "" : "This encoder has no feature points: its code is a vector. ";
  const left = about.code_size - about.numbers.length - (about.movable ? 2 * count : 0);
  const few = !still && left ? `, the first ${about.numbers.length} of ${about.code_size}` : "";
  $("numbers-note").textContent = none + (still ? "" : `Move a number and see what is drawn; ${carry}${few}.`);
}

async function begin() {
  state.about = await ask("/api/run");
  state.colours = bytes(state.about.heat);
  introduce();
  listEpisodes();
  makeTiles($("tiles"), refresh);
  makeSliders($("sliders"), $("more"), () => (state.moved.size ? drawings() : refresh()));
  $("episode").addEventListener("change", (event) => episodes(Number(event.target.value), 0));
  $("previous").addEventListener("click", () => turn(-1));
  $("next").addEventListener("click", () => turn(1));
  $("frame").addEventListener("input", (event) => {
    state.playing = false;
    show(Number(event.target.value));
  });
  $("play").addEventListener("click", play);
  $("reset").addEventListener("click", reset);
  $("all").addEventListener("click", () => switchOn(() => true));
  $("none").addEventListener("click", () => switchOn(() => false));
  $("kept").addEventListener("click", () => switchOn((point) => point.kept));
  ["show-numbers", "show-trails", "show-truth"].forEach((id) => $(id).addEventListener("change", refresh));
  const moved = () => {
    refresh(); // the point follows the mouse at once, the drawing when it is there
    drawings();
  };
  takeMouse($("seen"), { changed: refresh, moved });
  takeMouse($("changed"), { changed: refresh, moved, movedOnly: true });
  document.addEventListener("keydown", press);
  // A space presses what the keyboard went to, and plays after the mouse has clicked something.
  document.addEventListener("click", ({ target, detail }) => {
    if (detail && target.matches("button, input[type=checkbox], #frame")) target.blur();
  });
  window.addEventListener("resize", refresh);
  showPlaying();
  document.querySelector("main").hidden = false;
  const [, number, t] = location.hash.match(/^#(\d+)\/(\d+)$/) ?? [null, state.about.start, 0];
  await episodes(Math.min(number, state.about.episodes.length - 1), Number(t));
}

begin();
