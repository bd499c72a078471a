// What the page asks of the program that serves it.

const problem = document.getElementById("problem");

/** Ask, and return the answer; what goes wrong is shown on the page, and thrown. */
export async function ask(path, content) {
  let answer;
  try {
    answer = await fetch(path, content && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(content),
    });
  } catch (error) {
    throw show("No answer: dsae view has ended. Start it again and reload this page.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw show(said.error ?? `It failed (${answer.status}): the terminal says why.`);
  }
  problem.hidden = true;
  return answer.json();
}

function show(text) {
  problem.textContent = text;
  problem.hidden = false;
  return new Error(text);
}

/** A picture of an answer, ready to be painted. */
export async function decoded(uri) {
  if (!uri) return null;
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

/** Bytes of an answer. */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * Do a job for one value after the other, leaving out those that a newer one has replaced
 * meanwhile: while a mouse moves, what is shown lags behind by one answer, never by a queue.
 */
export function newest(job) {
  let running = null;
  let waiting = null;
  async function run() {
    while (waiting) {
      const value = waiting;
      waiting = null;
      await job(...value).catch((error) => console.warn(error.message));
    }
    running = null;
  }
  return (...value) => {
    waiting = value;
    running ??= run();
    return running;
  };
}
