// Sliders for the numbers of a code that are no point's coordinates.

import { state } from "./state.js";

const FIRST = 12; // that are shown until one asks for more
const sliders = [];

/** Make a slider for each number; `moved` is called while one is moved. */
export function makeSliders(parent, more, moved) {
  for (const { number, name, carries, low, high } of state.about.numbers) {
    const row = document.createElement("div");
    row.className = "number";
    row.hidden = sliders.length >= FIRST;
    row.innerHTML =
      '<b></b><small></small><input type="range" step="any"><output></output>' +
      '<button title="back to what was encoded">✕</button>';
    const [input, output, back] = ["input", "output", "button"].map((s) => row.querySelector(s));
    row.querySelector("b").textContent = row.querySelector("b").title = name;
    row.querySelector("small").textContent = carries;
    input.setAttribute("aria-label", name);
    input.addEventListener("input", () => {
      state.moved.set(number, Number(input.value));
      moved();
    });
    back.addEventListener("click", () => {
      state.moved.delete(number);
      moved();
    });
    parent.append(row);
    sliders.push({ row, input, output, number, low, high });
  }
  const rest = sliders.length - FIRST;
  more.hidden = rest <= 0;
  more.textContent = `${rest} more`;
  more.addEventListener("click", () => {
    sliders.forEach(({ row }) => (row.hidden = false));
    more.hidden = true;
  });
}

/** Set every slider to the frame's code, or to where it was moved. */
export function setSliders() {
  for (const { row, input, output, number, low, high } of sliders) {
    const encoded = state.code[number];
    const value = state.moved.get(number) ?? encoded;
    input.min = Math.min(low, encoded); // a frame may lie further out than most
    input.max = Math.max(high, encoded);
    input.value = value;
    const digits = Math.max(2, 2 - Math.floor(Math.log10(input.max - input.min || 1)));
    output.textContent = value.toFixed(Math.min(digits, 6));
    row.classList.toggle("moved", state.moved.has(number));
  }
}
