// Long work in pieces, between which the browser draws and listens. Work that is no longer wanted ends between them.

const PIECE = 12;  // milliseconds of work without a pause
const STEP = 64;  // items between two looks at the clock
const RUN = 2_048;  // items that are sorted at once, and then merged

// What is waiting gets its turn: clocks too, which the browser's own scheduler.yield() would leave behind.
function pause() {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => { port1.close(); resolve(); };
    port2.postMessage(null);
  });
}

export class Pieces {
  // *signal* tells when the work is no longer wanted.
  constructor(signal) {
    this.signal = signal;
    this.begun = performance.now();
  }

  // Pauses where it is time to. Raises the reason of the signal.
  async rest() {
    if (performance.now() - this.begun < PIECE) return;
    await pause();
    this.signal?.throwIfAborted();
    this.begun = performance.now();
  }

  async map(items, make) {
    const made = [];
    for (const item of items) {
      made.push(make(item));
      if (made.length % STEP === 0) await this.rest();
    }
    return made;
  }

  async filter(items, holds) {
    const held = [];
    let seen = 0;
    for (const item of items) {
      if (holds(item)) held.push(item);
      if (++seen % STEP === 0) await this.rest();
    }
    return held;
  }

  // Returns *items* in the order of *compare*; those that tie in the order in which they come.
  async sorted(items, compare) {
    let sorted = [];
    for (let from = 0; from < items.length; from += RUN) {
      for (const item of items.slice(from, from + RUN).sort(compare)) sorted.push(item);
      await this.rest();
    }
    for (let length = RUN; length < sorted.length; length *= 2) sorted = await this.#merged(sorted, length, compare);
    return sorted;
  }

  // Merges each two neighbours of runs of a *length* that are sorted.
  async #merged(items, length, compare) {
    const merged = [];
    for (let from = 0; from < items.length; from += 2 * length) {
      const [middle, end] = [Math.min(from + length, items.length), Math.min(from + 2 * length, items.length)];
      let [left, right] = [from, middle];
      while (left < middle && right < end) {
        merged.push(compare(items[left], items[right]) <= 0 ? items[left++] : items[right++]);
        if (merged.length % STEP === 0) await this.rest();
      }
      while (left < middle) merged.push(items[left++]);
      while (right < end) merged.push(items[right++]);
    }
    return merged;
  }
}
