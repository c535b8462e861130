import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  checkPlan,
  fileSystemClock,
  openPlan,
  readPlan,
  writePlan,
  type FlatPlan,
  type Freshness,
} from "../../src/plan/flat-plan.js";

let directory: string;
let root: string;
let store: string;
let planFile: string;
let plan: FlatPlan;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kmips-plan-"));
  root = join(directory, "project");
  store = join(directory, "store");
  planFile = join(store, "kmips/plan.bin");
  mkdirSync(join(root, "src/ünicode"), { recursive: true });
  mkdirSync(join(store, "blobs/sha256"), { recursive: true });
  mkdirSync(join(store, "kmips"));
  const files = ["src/a.c", "src/ünicode/b.c", "project.kmips"];
  for (const path of files) writeFileSync(join(root, path), `text of ${path}\n`);
  writeFileSync(join(directory, "shipped.kmips"), "shipped\n");
  writeFileSync(join(store, "blobs/sha256/abc"), "blob");
  plan = {
    tool: "t".repeat(64),
    selection: '["image.a"]',
    root,
    store,
    startedMs: Infinity,
    recipes: ["project.kmips", join(directory, "shipped.kmips")].map((path) => ({
      path,
      digest: hash("sha256", readFileSync(join(path.startsWith("/") ? "" : root, path)), "hex"),
    })),
    files: ["src/ünicode/b.c", "src/a.c"],
    directories: ["src", "src/ünicode"],
    outputs: ["blobs/sha256/abc"],
    absent: ["kmips.lock", "src/c.c"],
    answer: { result: "é result\n", resultJson: "{}\n", summary: "0 of 1\n", summaryJson: "[]\n" },
  };
  waitForTick();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Lets the file system's clock move on, so that nothing made so far is racy. */
function waitForTick(): void {
  const before = fileSystemClock(directory);
  while (fileSystemClock(directory) === before);
}

function check(): Freshness {
  const view = readPlan(planFile);
  if (view === undefined) return { stale: "unreadable" };
  return checkPlan(view, { root, store });
}

describe("checkPlan()", () => {
  beforeEach(() => writePlan(planFile, plan));

  it("finds an untouched project fresh, with absolute paths and from within", () => {
    expect(check()).toBe("fresh");
    const before = process.cwd();
    const entered: string[] = [];
    const enter = (path: string): void => {
      entered.push(path);
      process.chdir(path);
    };
    try {
      expect(checkPlan(readPlan(planFile)!, { root, store }, enter)).toBe("fresh");
    } finally {
      process.chdir(before);
    }
    expect(entered).toContain(`${store}/blobs/sha256/`);
  });

  it.each<[string, () => void, RegExp]>([
    ["a file that grew", () => appendFileSync(join(root, "src/a.c"), "x"), /a\.c changed/],
    [
      "a file of equal size rewritten in place",
      () => writeFileSync(join(root, "src/a.c"), "TEXT of src/a.c\n"),
      /a\.c changed/,
    ],
    [
      "a file rewritten with its old mtime, by its ctime",
      () => {
        const { atimeMs, mtimeMs } = statSync(join(root, "src/a.c"));
        writeFileSync(join(root, "src/a.c"), "TEXT of src/a.c\n");
        utimesSync(join(root, "src/a.c"), atimeMs / 1000, mtimeMs / 1000);
      },
      /a\.c changed/,
    ],
    [
      "a file swapped for another one",
      () => {
        writeFileSync(join(root, "src/other"), "text of src/a.c\n");
        renameSync(join(root, "src/other"), join(root, "src/a.c"));
      },
      /changed/,
    ],
    ["a file that is gone", () => unlinkSync(join(root, "src/a.c")), /a\.c is gone/],
    [
      "a file in a path with letters beyond ASCII",
      () => unlinkSync(join(root, "src/ünicode/b.c")),
      /ünicode\/b\.c is gone/,
    ],
    ["a directory with a new entry", () => writeFileSync(join(root, "src/new"), ""), /src changed/],
    [
      "an absent file that appeared",
      () => writeFileSync(join(root, "kmips.lock"), ""),
      /kmips\.lock appeared/,
    ],
    ["a blob that is gone", () => unlinkSync(join(store, "blobs/sha256/abc")), /abc is gone/],
    [
      "a blob that was written over",
      () => writeFileSync(join(store, "blobs/sha256/abc"), "BLOB"),
      /abc changed/,
    ],
    [
      "a recipe with another text",
      () => appendFileSync(join(root, "project.kmips"), "#"),
      /project\.kmips changed/,
    ],
    [
      "a shipped recipe with another text",
      () => writeFileSync(join(directory, "shipped.kmips"), "Shipped\n"),
      /shipped\.kmips changed/,
    ],
    ["a project that is gone", () => rmSync(root, { recursive: true }), /gone/],
  ])("sees %s", (_name, change, why) => {
    change();
    const found = check();
    expect(found).not.toBe("fresh");
    expect((found as { stale: string }).stale).toMatch(why);
  });

  it("takes a touched recipe with the same text for unchanged", () => {
    utimesSync(join(root, "project.kmips"), 1, 1);
    expect(check()).toBe("fresh");
  });

  it("takes a touched file for changed: the full program decides", () => {
    utimesSync(join(root, "src/a.c"), 1, 1);
    expect(check()).not.toBe("fresh");
  });
});

describe("writePlan()", () => {
  it("does not trust what changed in the tick in which it is written", () => {
    // The plan's clock may tick between the two writes; then there is nothing to distrust yet.
    for (let isRacy = false; !isRacy;) {
      writeFileSync(join(root, "src/a.c"), "text of src/a.c\n");
      writePlan(planFile, plan);
      isRacy = statSync(join(root, "src/a.c")).ctimeMs >= statSync(planFile).birthtimeMs;
    }
    expect(check()).toMatchObject({ stale: expect.stringMatching(/a\.c changed/) as string });
    waitForTick();
    writePlan(planFile, plan);
    expect(check()).toBe("fresh");
  });

  it("does not trust an input changed since the build began", () => {
    const startedMs = fileSystemClock(directory);
    writeFileSync(join(root, "src/a.c"), "text of src/a.c\n");
    waitForTick();
    writePlan(planFile, { ...plan, startedMs });
    expect(check()).toMatchObject({ stale: expect.stringMatching(/a\.c changed/) as string });
  });

  it("trusts outputs that the build itself wrote", () => {
    const startedMs = fileSystemClock(directory);
    writeFileSync(join(store, "blobs/sha256/abc"), "blob");
    waitForTick();
    writePlan(planFile, { ...plan, startedMs });
    expect(check()).toBe("fresh");
  });

  it("trusts a file whose mtime lies in the future", () => {
    utimesSync(join(root, "src/a.c"), 4e9, 4e9);
    waitForTick();
    writePlan(planFile, plan);
    expect(check()).toBe("fresh");
  });

  it("compares a recipe changed since the build began by its text, as it was parsed", () => {
    const startedMs = fileSystemClock(directory);
    appendFileSync(join(root, "project.kmips"), "# later\n");
    waitForTick();
    writePlan(planFile, { ...plan, startedMs });
    expect(check()).toMatchObject({ stale: expect.stringMatching(/project\.kmips/) as string });
  });

  it("is stale at once when something it names is already gone", () => {
    writePlan(planFile, { ...plan, files: [...plan.files, "src/gone.c"] });
    expect(check()).toMatchObject({ stale: expect.stringMatching(/gone\.c/) as string });
  });

  it("keeps the texts, and leaves no temporary file", () => {
    writePlan(planFile, plan);
    const view = readPlan(planFile)!;
    expect(view.text("tool")).toBe(plan.tool);
    expect(view.text("selection")).toBe(plan.selection);
    expect(view.text("result")).toBe(plan.answer.result);
    expect(view.text("resultJson")).toBe(plan.answer.resultJson);
    expect(view.text("summary")).toBe(plan.answer.summary);
    expect(view.text("summaryJson")).toBe(plan.answer.summaryJson);
    expect(readdirSync(join(store, "kmips"))).toEqual(["plan.bin"]);
  });

  it("writes a plan of nothing", () => {
    writePlan(planFile, {
      ...plan,
      recipes: [],
      files: [],
      directories: [],
      outputs: [],
      absent: [],
    });
    expect(check()).toBe("fresh");
  });

  it("does not depend on the order or the repetition of paths", () => {
    writePlan(planFile, plan);
    const bytes = readFileSync(planFile);
    const files = [...plan.files, ...plan.files].reverse();
    writePlan(planFile, { ...plan, files, recipes: [...plan.recipes].reverse() });
    expect(readFileSync(planFile).equals(bytes)).toBe(true);
  });
});

describe("openPlan()", () => {
  beforeEach(() => writePlan(planFile, plan));

  it("refuses every truncation", () => {
    const bytes = readFileSync(planFile);
    for (let length = 0; length < bytes.length; length++) {
      expect(openPlan(Buffer.from(bytes.subarray(0, length)))).toBeUndefined();
    }
  });

  it("refuses a flipped bit in every byte", () => {
    const bytes = readFileSync(planFile);
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      expect(openPlan(damaged)).toBeUndefined();
    }
  });

  it("refuses what is no plan: longer, other data, a directory, nothing", () => {
    const bytes = readFileSync(planFile);
    expect(openPlan(Buffer.concat([bytes, Buffer.alloc(8)]))).toBeUndefined();
    expect(openPlan(Buffer.alloc(4096, "x"))).toBeUndefined();
    expect(readPlan(directory)).toBeUndefined();
    expect(readPlan(join(directory, "none"))).toBeUndefined();
  });

  it("reads a buffer at any offset", () => {
    const bytes = readFileSync(planFile);
    const shifted = Buffer.concat([Buffer.alloc(1), bytes]).subarray(1);
    expect(checkPlan(openPlan(shifted)!, { root, store })).toBe("fresh");
  });
});
