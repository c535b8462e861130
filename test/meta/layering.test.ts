import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? sourceFiles(path) : path.endsWith(".ts") ? [path] : [];
  });
}

describe("layering", () => {
  // A checker that cannot read the sources sees no module and finds no violation, so what it saw is asserted too.
  it("holds for every module", () => {
    const result = spawnSync(
      "npx",
      [
        "depcruise",
        "--config",
        ".dependency-cruiser.cjs",
        "--output-type",
        "json",
        "src",
        "grammar",
        "cache",
      ],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    const { summary, modules } = JSON.parse(result.stdout) as {
      summary: { violations: { rule: { name: string }; from: string; to: string }[] };
      modules: { source: string }[];
    };
    const violations = summary.violations.map(
      ({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`,
    );
    expect(violations).toEqual([]);
    const files = ["src", "grammar", "cache"].flatMap(sourceFiles);
    const seen = new Set(modules.map((module) => module.source));
    expect(files.filter((file) => !seen.has(file))).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
  }, 60_000);
});
