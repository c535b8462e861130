/**
 * Which files of a package the go tool takes for a platform.
 *
 * Specification: "Build constraints" of `go help buildconstraint`, and go/build's rules for names.
 * Programs of kmips are built without cgo, so a file that imports "C" is never taken.
 */

/** What build constraints are decided by. */
export interface GoPlatform {
  readonly os: string;
  readonly arch: string;
  /** Build tags of the recipe. */
  readonly tags: readonly string[];
}

/** Words that mean an operating system at the end of a file's name. */
const SYSTEMS: ReadonlySet<string> = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos".split(
    " ",
  ),
);
/** Words that mean an architecture at the end of a file's name. */
const ARCHES: ReadonlySet<string> = new Set(
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm".split(
    " ",
  ),
);

/** Whether the name alone lets a Go or assembly file into a build for the platform. */
export function nameFits(file: string, { os, arch }: GoPlatform): boolean {
  if (/^[._]/.test(file) || file.endsWith("_test.go")) return false;
  // What stands before the first underscore is the file's own name, whatever it says, and what stands
  // behind the first dot does not count: `api_windows.pb.go` is for Windows.
  const [stem = ""] = file.split(".", 1);
  const words = stem.split("_").slice(1);
  const last = words.at(-1);
  const previous = words.at(-2);
  if (last === undefined) return true;
  if (ARCHES.has(last))
    return last === arch && (previous === undefined || !SYSTEMS.has(previous) || previous === os);
  return !SYSTEMS.has(last) || last === os;
}

/** Whether the constraints at the head of a file let it into a build for the platform. */
export function headFits(text: string, platform: GoPlatform): boolean {
  const head = headOf(text);
  const expression = /^\/\/go:build (.*)$/m.exec(head)?.[1];
  if (expression !== undefined) return evaluate(expression, platform);
  // Before Go 1.17: every line must hold; in a line one of the words, whose parts must all hold.
  const lines = [...head.matchAll(/^\/\/ *\+build (.*)$/gm)].map(([, words = ""]) => words);
  return lines.every((line) =>
    line
      .trim()
      .split(/\s+/)
      .some((word) =>
        word
          .split(",")
          .every((part) =>
            part.startsWith("!") ? !tagHolds(part.slice(1), platform) : tagHolds(part, platform),
          ),
      ),
  );
}

/** What stands before the package clause: the only place for constraints. */
function headOf(text: string): string {
  // Line comments are looked at only so that `// see pkg/*.go` begins no comment of several lines.
  const bare = text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (comment) =>
    comment.startsWith("//") ? comment : comment.replace(/[^\n]/g, " "),
  );
  const end = bare.search(/^package\s/m);
  return end === -1 ? bare : bare.slice(0, end);
}

function tagHolds(tag: string, { os, arch, tags }: GoPlatform): boolean {
  if (tag === os || tag === arch || tag === "gc" || tags.includes(tag)) return true;
  if (tag === "unix") return os === "linux";
  // Releases that a current toolchain includes.
  return /^go1\.\d+$/.test(tag);
}

/** `linux && (mips64 || mips64le) && !cgo` */
function evaluate(expression: string, platform: GoPlatform): boolean {
  const tokens = expression.match(/&&|\|\||[!()]|[\w.]+/g) ?? [];
  let at = 0;
  const primary = (): boolean => {
    const token = tokens[at++];
    if (token === "!") return !primary();
    if (token === "(") {
      const value = either();
      at++;
      return value;
    }
    return token !== undefined && tagHolds(token, platform);
  };
  const both = (): boolean => {
    let value = primary();
    while (tokens[at] === "&&") {
      at++;
      value = primary() && value;
    }
    return value;
  };
  const either = (): boolean => {
    let value = both();
    while (tokens[at] === "||") {
      at++;
      value = both() || value;
    }
    return value;
  };
  return either();
}
