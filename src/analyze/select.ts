/**
 * Which nodes the words of a command line mean.
 */
import { nearest } from "../../grammar/index.js";
import type { BuildGraph } from "../model/graph.js";
import type { Address } from "../model/node.js";

export interface Selection {
  /** In the order of the patterns, each once. */
  readonly addresses: Address[];
  readonly unknown: { readonly pattern: string; readonly candidates: string[] }[];
}

/** A bare name means the first of these kinds that has it. */
const BARE_KINDS = ["image", "group", "index", "base", "component", "source", "toolchain"] as const;

/**
 * The addresses that `patterns` mean: an exact address, an address without axes (all cells), a glob
 * with `*` (within a part) or `**` (across `/`), or a bare name. Groups stand for their members.
 * Optional nodes are meant only by their exact name, or by a glob that has brackets.
 */
export function select(graph: BuildGraph, patterns: readonly string[]): Selection {
  const addresses = new Set<Address>();
  const unknown: Selection["unknown"] = [];
  for (const pattern of patterns) {
    const matches = matching(graph, pattern);
    if (matches.length === 0) unknown.push({ pattern, candidates: near(graph, pattern) });
    for (const address of matches) expand(graph, address, addresses);
  }
  return { addresses: [...addresses], unknown };
}

function matching(graph: BuildGraph, pattern: string): Address[] {
  if (graph.nodes.has(pattern)) return [pattern];
  const all = [...graph.nodes.keys()];
  const isGlob = pattern.includes("*");
  const namesCells = !isGlob || pattern.includes("[");
  const matches = (text: string): boolean =>
    isGlob ? globMatches(pattern, text) : text === pattern;
  /** `start`: where the part of the address begins that the pattern is about. */
  const isMeant = (address: Address, start: number): boolean =>
    graph.nodes.get(address)?.optional === true
      ? namesCells && matches(address.slice(start))
      : matches(address.slice(start)) || matches(withoutAxes(address).slice(start));
  if (pattern.includes(".") && /^[a-z*]+\./.test(pattern)) {
    const direct = all.filter((address) => isMeant(address, 0));
    if (direct.length > 0) return direct;
  }
  // A name may have dots of its own, so that bare names are tried for every pattern.
  for (const kind of BARE_KINDS) {
    const named = all.filter(
      (address) =>
        address.startsWith(`${kind}.`) &&
        !address.includes("/") &&
        isMeant(address, kind.length + 1),
    );
    if (named.length > 0) return named;
  }
  return [];
}

/** `image.nginx[v1,mips64le]/test:x` → `image.nginx/test:x`. */
function withoutAxes(address: Address): string {
  return address.replace(/\[[^\]]*\]/, "");
}

function expand(graph: BuildGraph, address: Address, into: Set<Address>): void {
  const pending = [address];
  const groups = new Set<Address>();
  for (let index = 0; index < pending.length; index++) {
    const current = pending[index] as Address;
    const definition = graph.nodes.get(current)?.definition;
    if (definition?.kind !== "group") into.add(current);
    else if (!groups.has(current)) {
      groups.add(current);
      pending.push(...definition.members);
    }
  }
}

function near(graph: BuildGraph, pattern: string): string[] {
  const names = new Set<string>();
  for (const address of graph.nodes.keys()) {
    if (address.includes("/") && !pattern.includes("/")) continue;
    const bare = withoutAxes(address);
    names.add(pattern.includes(".") ? bare : bare.slice(bare.indexOf(".") + 1));
  }
  return nearest(pattern, [...names]);
}

/**
 * Whether `text` is what the glob describes: `*` stands for any characters but `/`, `**` for any.
 * Linear in the product of the lengths whatever the pattern, without a regular expression.
 */
export function globMatches(glob: string, text: string): boolean {
  const tokens = glob.match(/\*+|[^*]/g) ?? [];
  let reachable = new Set<number>([0]);
  for (const token of tokens) {
    const next = new Set<number>();
    for (const position of reachable) {
      if (!token.startsWith("*")) {
        if (text[position] === token) next.add(position + 1);
        continue;
      }
      for (let end = position; ; end++) {
        if (next.has(end)) break;
        next.add(end);
        if (end >= text.length || (token === "*" && text[end] === "/")) break;
      }
    }
    reachable = next;
  }
  return reachable.has(text.length);
}
