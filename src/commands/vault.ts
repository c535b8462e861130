/**
 * `kmips vault`: everything that was fetched and is kept, what it is for, and whether it is sound.
 *
 * Packages, indices, archives and commits are in the vault of the store; Go modules lie where the go
 * client keeps and finds them, in the store's module cache.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digest, VaultItem } from "../../cache/index.js";
import { hashModuleZip } from "../execute/index.js";
import type { Address } from "../model/node.js";
import { lastKeys } from "./collect.js";
import { goFacts } from "./go-facts.js";
import { recordOf, type Workspace } from "./workspace.js";

export interface VaultRow {
  /** `deb`, `deb-packages`, `deb-release`, `archive`, `git` or `gomod`, as in kmips.lock. */
  readonly kind: string;
  /** E.g. `curl 7.88.1-10 mips64el`. */
  readonly name: string;
  /** `sha256:…`; of a Go module its `h1:` hash. */
  readonly digest: string;
  /** Bytes; 0 when it is missing. */
  readonly size: number;
  /** The nodes that fetched it, also of other projects. */
  readonly nodes: readonly Address[];
  /**
   * Whether some project was last built with it; what is not goes with `kmips gc --vault`. Go modules
   * always stay.
   */
  readonly used: boolean;
  readonly state: "present" | "missing" | "damaged";
  /** What is wrong with it. */
  readonly problem?: string;
}

/** Lists the vault, sorted by kind and name; with `check` every byte is hashed. */
export function listVault(workspace: Workspace, check: boolean): VaultRow[] {
  const rows = [...fetchedRows(workspace, check), ...moduleRows(workspace, check)];
  const order = (row: VaultRow): string => `${row.kind} ${row.name} ${row.digest}`;
  return rows.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function fetchedRows(workspace: Workspace, check: boolean): VaultRow[] {
  const { store, graph, history } = workspace;
  const nodesByKey = new Map<Digest, Address[]>();
  for (const address of graph.nodes.keys()) {
    const key = history.lastBuilt(address);
    if (key !== undefined) nodesByKey.set(key, [...(nodesByKey.get(key) ?? []), address]);
  }
  const keys = lastKeys(workspace);
  const found = new Map<string, { item: VaultItem; nodes: Set<Address>; used: boolean }>();
  for (const { key, address, items } of store.vaultEntries()) {
    for (const item of items) {
      const name = `${item.kind} ${item.name} ${item.digest}`;
      const row = found.get(name) ?? { item, nodes: new Set(), used: false };
      for (const node of nodesByKey.get(key) ?? [address]) row.nodes.add(node);
      row.used ||= keys.has(key);
      found.set(name, row);
    }
  }
  return [...found.values()].map(({ item, nodes, used }): VaultRow => {
    const row = { ...item, nodes: [...nodes].sort(), used };
    if (!store.holdsVaulted(item)) return { ...row, size: 0, state: "missing" };
    const problem = check ? store.check(item.digest) : undefined;
    return problem === undefined
      ? { ...row, state: "present" }
      : { ...row, state: "damaged", problem };
  });
}

function moduleRows(workspace: Workspace, check: boolean): VaultRow[] {
  const root = join(workspace.store.paths.goModules, "cache", "download");
  const wanted = new Map<string, { sum: string; nodes: Address[] }>();
  for (const { address, definition } of workspace.graph.nodes.values()) {
    const record = recordOf(workspace, address);
    const facts = record === undefined ? undefined : goFacts(workspace, definition, record);
    for (const [fact, sum] of facts ?? []) {
      const name = fact.slice("gomod ".length);
      if (name.endsWith("/go.mod")) continue;
      const module = wanted.get(name) ?? { sum, nodes: [] };
      module.nodes.push(address);
      wanted.set(name, module);
    }
  }
  const rows: VaultRow[] = [];
  for (const zip of moduleZips(root)) {
    const name = moduleName(zip);
    const nodes = wanted.get(name)?.nodes ?? [];
    wanted.delete(name);
    const path = join(root, zip);
    const digest = readFileSync(`${path}hash`, "utf8").trim();
    const row = { kind: "gomod", name, digest, nodes, used: true };
    const actual = check ? zipHash(path) : digest;
    rows.push({
      ...row,
      size: statSync(path).size,
      ...(actual === digest
        ? { state: "present" }
        : { state: "damaged", problem: `has the hash ${actual}` }),
    });
  }
  for (const [name, { sum, nodes }] of wanted) {
    rows.push({ kind: "gomod", name, digest: sum, size: 0, nodes, used: true, state: "missing" });
  }
  return rows;
}

/** Paths of the zips that the go client finished, below its download cache. */
function moduleZips(root: string): string[] {
  try {
    const names = new Set(readdirSync(root, { recursive: true }) as string[]);
    return [...names].filter((name) => name.endsWith(".zip") && names.has(`${name}hash`));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** `github.com/!burnt!sushi/toml/@v/v1.0.0.zip` → `github.com/BurntSushi/toml v1.0.0`. */
function moduleName(zip: string): string {
  return zip
    .replace(/\.zip$/, "")
    .replace("/@v/", " ")
    .replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function zipHash(path: string): string {
  try {
    return hashModuleZip(readFileSync(path));
  } catch (error) {
    return `none: ${(error as Error).message}`;
  }
}
