/**
 * The nodes that could run now, the one with the longest way to the end first.
 *
 * A binary heap: the list can hold a hundred thousand nodes while only a few run.
 */
import type { Address } from "../model/node.js";

export class ReadyList {
  readonly #items: { address: Address; priority: number; order: number }[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** Adds a node; a higher priority comes out first, equal ones in order of arrival. */
  push(address: Address, priority: number): void {
    const items = this.#items;
    items.push({ address, priority, order: this.#order++ });
    let index = items.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(index, parent)) break;
      this.#swap(index, parent);
      index = parent;
    }
  }

  pop(): Address | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined) return undefined;
    if (items.length > 0) {
      items[0] = last;
      this.#sink();
    }
    return first.address;
  }

  #sink(): void {
    const length = this.#items.length;
    let index = 0;
    for (;;) {
      let best = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < length && this.#before(child, best)) best = child;
      }
      if (best === index) return;
      this.#swap(index, best);
      index = best;
    }
  }

  #before(a: number, b: number): boolean {
    const left = this.#items[a];
    const right = this.#items[b];
    if (left === undefined || right === undefined) return false;
    return (
      left.priority > right.priority ||
      (left.priority === right.priority && left.order < right.order)
    );
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    const left = items[a];
    const right = items[b];
    if (left === undefined || right === undefined) return;
    items[a] = right;
    items[b] = left;
  }
}
