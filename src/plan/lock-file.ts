/**
 * `kmips.lock`: facts about what was fetched, one a line, sorted, so that two branches merge.
 *
 *     deb curl 7.88.1-10+deb12u12 mips64el sha256:…
 *     deb-packages bookworm/main/mips64el sha256:…
 *     git https://example.org/calico v3.8.0 94745a4eed0425653b3b4275a208d38babceeaec
 *     gomod github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=
 *     image agnhost:2.6 linux/mips64le sha256:FINGERPRINT sha256:MANIFEST
 *     run group.conformance 2026-01-31T10:00:00Z 2_x_CPU;Linux_6.1;… sha256:IMAGES
 *     tool apt 2.6.1 amd64
 *
 * Of recorded results (image, run, tool) everything but the result is the fact's name, so that what
 * two branches recorded stands side by side and never contradicts. A fact in the lock is enforced: a build may add the facts of what it fetched first, and only
 * `kmips update` changes one.
 */

export interface LockFile {
  /** `KIND NAME` → value, where NAME may be several words. */
  readonly facts: ReadonlyMap<string, string>;
}

export interface LockProblem {
  readonly line: number;
  readonly message: string;
}

/** Kind → the form of the rest of its line, and that in words. */
const KINDS: ReadonlyMap<string, { readonly form: RegExp; readonly words: string }> = new Map([
  ["archive", { form: /^\S+ sha256:[0-9a-f]{64}$/, words: "archive URL sha256:…" }],
  ["git", { form: /^\S+ \S+ [0-9a-f]{40}$/, words: "git URL TAG COMMIT" }],
  ["gomod", { form: /^\S+ \S+ h1:\S+$/, words: "gomod PATH VERSION h1:…" }],
  ["deb", { form: /^\S+ \S+ \S+ sha256:[0-9a-f]{64}$/, words: "deb NAME VERSION ARCH sha256:…" }],
  [
    "deb-packages",
    { form: /^\S+ sha256:[0-9a-f]{64}$/, words: "deb-packages SUITE/COMPONENT/ARCH sha256:…" },
  ],
  [
    "image",
    {
      form: /^\S+ \S+ sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$/,
      words: "image NAME:TAG PLATFORM sha256:FINGERPRINT sha256:MANIFEST",
    },
  ],
  [
    "run",
    {
      form: /^\S+ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+ sha256:[0-9a-f]{64}$/,
      words: "run GROUP DATE MACHINE sha256:IMAGES",
    },
  ],
  ["tool", { form: /^\S+ \S+ \S+$/, words: "tool NAME VERSION ARCH" }],
  ["deb-release", { form: /^\S+ sha256:[0-9a-f]{64}$/, words: "deb-release SUITE sha256:…" }],
]);

/** Reads the text of a lock file. Duplicate facts with different values are problems, both shown. */
export function parseLock(text: string): {
  readonly lock: LockFile;
  readonly problems: readonly LockProblem[];
} {
  const facts = new Map<string, string>();
  const problems: LockProblem[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trimEnd();
    if (line === "" || line.startsWith("#")) continue;
    const kind = KINDS.get(line.slice(0, line.indexOf(" ")));
    if (kind?.form.test(line.slice(line.indexOf(" ") + 1)) !== true) {
      const wanted = kind?.words ?? [...KINDS.values()].map(({ words }) => words).join('", "');
      problems.push({
        line: index + 1,
        message: `not a fact: "${line.slice(0, 60)}"; a fact is "${wanted}"`,
      });
      continue;
    }
    const name = line.slice(0, line.lastIndexOf(" "));
    const value = line.slice(name.length + 1);
    const known = facts.get(name);
    if (known !== undefined && known !== value) {
      problems.push({
        line: index + 1,
        message: `${name} is ${known} and ${value}; keep the right line and remove the other`,
      });
    }
    facts.set(name, known ?? value);
  }
  return { lock: { facts }, problems };
}

/** The canonical text of a lock: sorted by code unit, LF, one fact a line. */
export function formatLock(lock: LockFile): string {
  const lines = [...lock.facts].map(([name, value]) => `${name} ${value}\n`);
  return lines.sort((a, b) => (a < b ? -1 : 1)).join("");
}

/** Facts of `over` win over those of `under`. */
export function mergeLocks(under: LockFile, over: LockFile): LockFile {
  return { facts: new Map([...under.facts, ...over.facts]) };
}
