import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NO_OVERRIDES } from "../../src/model/overrides.js";
import {
  historyPath,
  planPath,
  projectRoot,
  selectionText,
  storeRoot,
} from "../../src/plan/locations.js";

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "kmips-locations-")));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("projectRoot()", () => {
  it("is the nearest directory upwards with a project.kmips", () => {
    mkdirSync(join(directory, "outer/inner/deep"), { recursive: true });
    writeFileSync(join(directory, "outer/project.kmips"), "");
    expect(projectRoot(join(directory, "outer/inner/deep"))).toBe(join(directory, "outer"));
    writeFileSync(join(directory, "outer/inner/project.kmips"), "");
    expect(projectRoot(join(directory, "outer/inner/deep"))).toBe(join(directory, "outer/inner"));
  });

  it("is the start itself when there is none, by its real path", () => {
    symlinkSync(directory, join(directory, "link"));
    expect(projectRoot(join(directory, "link"))).toBe(directory);
    expect(projectRoot(join(directory, "gone"))).toBeUndefined();
  });
});

describe("storeRoot()", () => {
  const env = { KMIPS_STORE: "/env", XDG_CACHE_HOME: "/xdg", HOME: "/home/u" };

  it("prefers the flag, then the variable, then the user's cache directory", () => {
    expect(storeRoot("flag", env, "/cwd")).toBe("/cwd/flag");
    expect(storeRoot(undefined, env, "/cwd")).toBe("/env");
    expect(storeRoot(undefined, { ...env, KMIPS_STORE: "" }, "/cwd")).toBe("/xdg/kmips");
    expect(storeRoot(undefined, { HOME: "/home/u" }, "/cwd")).toBe("/home/u/.cache/kmips");
    expect(storeRoot(undefined, { HOME: "/home/u", XDG_CACHE_HOME: "x" }, "/cwd")).toBe(
      "/home/u/.cache/kmips",
    );
  });
});

describe("planPath()", () => {
  it("differs by project and selection, not by the order of selectors", () => {
    const path = planPath("/store", "/p", selectionText(["b", "a", "a"], NO_OVERRIDES));
    expect(path).toMatch(/^\/store\/kmips\/projects\/[0-9a-f]{16}\/plan-[0-9a-f]{16}\.bin$/);
    expect(planPath("/store", "/p", selectionText(["a", "b"], NO_OVERRIDES))).toBe(path);
    expect(planPath("/store", "/q", selectionText(["a", "b"], NO_OVERRIDES))).not.toBe(path);
    expect(planPath("/store", "/p", selectionText([], NO_OVERRIDES))).not.toBe(path);
    expect(planPath("/store", "/p", selectionText(["a,b"], NO_OVERRIDES))).not.toBe(path);
  });
});

describe("historyPath()", () => {
  it("differs by overrides, not by their order", () => {
    const of = (options: readonly (readonly [string, string])[], targets: readonly string[] = []) =>
      historyPath("/state", { options: new Map(options), targets });
    expect(of([])).toBe("/state/history");
    const path = of([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(path).toMatch(/^\/state\/history-[0-9a-f]{16}$/);
    expect(
      of([
        ["b", "2"],
        ["a", "1"],
      ]),
    ).toBe(path);
    expect(of([["a", "1"]])).not.toBe(path);
    expect(of([], ["arm64", "riscv64"])).toBe(of([], ["riscv64", "arm64"]));
    expect(of([], ["arm64"])).not.toBe("/state/history");
  });
});
