// The rows of a stored result: read in pages when they are needed, up to a block of them.

import { apart, ask, fetched } from "./asking.js";

const FIRST = 200;  // rows that come with the answer
const STEP = 5_000;  // rows of a page after it
export const BLOCK = 100_000;  // rows that are in the page at a time

export class Rows {
  // Asks a question; returns its first rows, with the response that brought them.
  static async of(pairs, signal) {
    const response = await ask("result", pairs, [["_shape", "cells"], ["_format", "json"], ["_limit", FIRST]], signal);
    return new Rows(pairs, signal, response, await response.json());
  }

  constructor(pairs, signal, response, document) {
    this.pairs = apart(pairs);
    this.signal = signal;
    this.response = response;
    this.columns = document.columns;
    this.total = document.rows;  // null: it is too large to be kept, and only its first rows are here
    this.offset = 0;
    this.blocks = [];  // the first page of each block that was left
    this.loading = Promise.resolve();
    this.#begin(document);
  }

  #begin(document) {
    this.first = document;
    this.rows = document.data;
    this.next = document.next ?? null;
  }

  // How many rows the block has, whether they are here yet or not.
  get size() {
    return this.total === null ? this.rows.length : Math.min(this.total - this.offset, BLOCK);
  }

  get isLast() {
    return this.total === null || this.offset + this.size >= this.total;
  }

  // Reads on until *count* rows of the block are here. Raises Refused.
  upTo(count) {
    const rows = this.rows;
    this.loading = this.loading.catch(() => {}).then(async () => {
      while (this.rows === rows && rows.length < Math.min(count, this.size) && this.next) await this.#read();
    });
    return this.loading;
  }

  async #read() {
    const rows = this.rows;
    const step = Math.min(STEP, this.size - rows.length);
    const page = await (await fetched(`${this.next}&_limit=${step}`, this.pairs, this.signal)).json();
    if (rows !== this.rows) return;
    for (const row of page.data) rows.push(row);
    this.next = page.next ?? null;
  }

  // Goes to the block after this one, of which the first rows are read.
  async forward() {
    await this.upTo(this.size);
    const page = await (await fetched(`${this.next}&_limit=${FIRST}`, this.pairs, this.signal)).json();
    this.blocks.push(this.first);
    this.offset += this.size;
    this.#begin(page);
  }

  back() {
    this.offset -= BLOCK;
    const first = this.blocks.pop();
    this.#begin({ ...first, data: first.data.slice(0, FIRST) });
  }
}
