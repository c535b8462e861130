import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "cache/README.md",
  "grammar/README.md",
];

/** Paths in backticks that look like paths of this repository. */
function mentionedPaths(text: string): string[] {
  const found = text.matchAll(/`((?:src|grammar|cache|recipes|examples|test|\.ci)\/[\w./-]*)`/g);
  return [...found].map(([, path = ""]) => path);
}

function textFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (["node_modules", "dist", ".git", "package-lock.json"].includes(entry.name)) return [];
    return entry.isDirectory() ? textFiles(path) : [path];
  });
}

describe("documents", () => {
  it.each(DOCUMENTS)("%s names only paths that exist", (document) => {
    expect(
      mentionedPaths(readFileSync(document, "utf8")).filter((path) => !existsSync(path)),
    ).toEqual([]);
  });

  it("name no package registry's host anywhere in the repository", () => {
    const hosts = [
      ["proxy", "golang", "org"],
      ["registry", "npmjs", "org"],
      ["deb", "debian", "org"],
      ["sum", "golang", "org"],
    ].map((parts) => parts.join("."));
    const guilty = textFiles(".").filter((path) => {
      const text = readFileSync(path, "utf8");
      return hosts.some((host) => text.includes(host));
    });
    expect(guilty).toEqual([]);
  });
});
