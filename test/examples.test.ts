/** What the examples' documents promise, as far as it shows without building. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Command } from "commander";
import {
  documentedCommands,
  EXAMPLE_NAMES,
  EXAMPLES,
  readRepositoryFile,
} from "./support/shipped.js";

let program: Command;

beforeAll(async () => {
  // The bundler's constants, which the command tree's modules read as they load.
  for (const name of ["__KMIPS_VERSION__", "__KMIPS_BUILD_ID__"]) vi.stubGlobal(name, "test");
  const { makeProgram } = await import("../src/cli/program.js");
  program = makeProgram(() => undefined);
});

describe("documentedCommands()", () => {
  it("reads the lines of sh blocks, quotes removed, and no other block", () => {
    const document =
      "```sh\nkmips build 'image.x[y]'\n\nkmips check\n```\n```text\nno command\n```\n";
    expect(documentedCommands(document)).toEqual([["build", "image.x[y]"], ["check"]]);
  });

  it("refuses other programs", () => {
    expect(() => documentedCommands("```sh\nrm -r x\n```\n")).toThrow('"rm" is not kmips');
  });
});

describe("examples/", () => {
  it("has one folder for each idea", () => {
    expect(EXAMPLE_NAMES).toEqual([
      "c-program",
      "debian-base",
      "hello-go",
      "image-on-image",
      "own-project",
      "patched-upstream",
    ]);
  });
});

describe.each(EXAMPLE_NAMES)("examples/%s", (name) => {
  const document = readRepositoryFile(`examples/${name}/README.md`);

  it("has a project and a title", () => {
    expect(existsSync(join(EXAMPLES, name, "project.kmips"))).toBe(true);
    expect(document).toMatch(/^# /);
  });

  it("shows only commands and options that kmips has", () => {
    const commands = documentedCommands(document);
    expect(commands.length).toBeGreaterThan(0);
    for (const [word = "", ...rest] of commands) {
      const command = program.commands.find((candidate) => candidate.name() === word);
      expect(command, `kmips ${word}`).toBeDefined();
      expect(command?.parseOptions(rest).unknown, `kmips ${word} ${rest.join(" ")}`).toEqual([]);
    }
  });

  it("shows a first build and the build of nothing", () => {
    const builds = documentedCommands(document).filter(([word]) => word === "build");
    expect(builds[0]).not.toContain("--expect-cached");
    expect(builds).toContainEqual(["build", "--expect-cached"]);
  });

  it("speaks of files that it has", () => {
    const paths = [
      ...document.matchAll(/`([\w./-]+\.(?:go|c|patch|html|kmips)|[a-z]+\/motd)`/g),
    ].map(([, path]) => path ?? "");
    expect(paths.filter((path) => !existsSync(join(EXAMPLES, name, path)))).toEqual([]);
  });
});
