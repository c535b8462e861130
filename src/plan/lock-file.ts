/**
 * `kmips.lock`: facts about what was fetched, one a line, sorted, so that two branches merge.
 *
 *     gomod github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=
 *
 * A fact in the lock is enforced; only `kmips update` changes the file.
 */

export interface LockFile {
  /** `path version` → `h1:` hash; versions of go.mod files end in `/go.mod`. */
  readonly sums: ReadonlyMap<string, string>;
}

export interface LockProblem {
  readonly line: number;
  readonly message: string;
}

const GOMOD = /^gomod (\S+) (\S+) (h1:\S+)$/;

/** Reads the text of a lock file. Duplicate facts with different values are problems, both shown. */
export function parseLock(text: string): {
  readonly lock: LockFile;
  readonly problems: readonly LockProblem[];
} {
  const sums = new Map<string, string>();
  const problems: LockProblem[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trimEnd();
    if (line === "" || line.startsWith("#")) continue;
    const [, path, version, sum] = GOMOD.exec(line) ?? [];
    if (path === undefined || version === undefined || sum === undefined) {
      problems.push({
        line: index + 1,
        message: `not a fact: "${line.slice(0, 60)}"; a fact is "gomod PATH VERSION h1:…"`,
      });
      continue;
    }
    const name = `${path} ${version}`;
    const known = sums.get(name);
    if (known !== undefined && known !== sum) {
      problems.push({
        line: index + 1,
        message: `${name} is ${known} and ${sum}; keep the right line and remove the other`,
      });
    }
    sums.set(name, known ?? sum);
  }
  return { lock: { sums }, problems };
}

/** The canonical text of a lock: sorted by code unit, LF, one fact a line. */
export function formatLock(lock: LockFile): string {
  const lines = [...lock.sums].map(([name, sum]) => `gomod ${name} ${sum}\n`);
  return lines.sort((a, b) => (a < b ? -1 : 1)).join("");
}

/** Facts of `over` win over those of `under`. */
export function mergeLocks(under: LockFile, over: LockFile): LockFile {
  return { sums: new Map([...under.sums, ...over.sums]) };
}
