/** The runs that builds of groups keep for `kmips update --record`. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { keepRun, readRuns, recordedRun, runFact } from "../../src/commands/group-run.js";
import type { Environment } from "../../src/commands/index.js";

let stateDirectory: string;
beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), "kmips-runs-"));
});
afterEach(() => rmSync(stateDirectory, { recursive: true }));

const image = { address: "image.a", reference: "a:1", digest: "sha256:aa", sizeBytes: 1 };

function keep(results: number, digest = image.digest): void {
  keepRun(
    { stateDirectory, environment: { version: "1.0" } as Environment },
    {
      ...{ group: "group.all", work: [`${results} results`] },
      now: new Date("2026-01-31T10:00:00.123Z"),
    },
    [{ ...image, digest }],
  );
}

it("keeps the last one of a group", () => {
  keep(9);
  keep(8, "sha256:bb");
  expect(readRuns({ stateDirectory }).map(({ work }) => work)).toEqual([["8 results"]]);
});

it("is told again as it was recorded", () => {
  keep(9);
  const [run] = readRuns({ stateDirectory });
  const recorded = recordedRun(new Map([[runFact(run!), run!.images]]), "group.all");
  expect(recorded).toMatchObject({ group: "group.all", date: "2026-01-31T10:00:00Z" });
  expect(recorded?.text).toMatch(/ cores, .*, kmips 1\.0, 9 results$/);
});

it.each(["", '{"group": "group.all", "da', "null", "[]", '{"group":"group.all"}'])(
  "takes a damaged record %j for none, and writes over it",
  (text) => {
    keep(9);
    const [name = ""] = readdirSync(join(stateDirectory, "runs"));
    writeFileSync(join(stateDirectory, "runs", name), text);
    expect(readRuns({ stateDirectory })).toEqual([]);
    keep(1);
    expect(readRuns({ stateDirectory }).map(({ work }) => work)).toEqual([["1 results"]]);
    expect(readdirSync(join(stateDirectory, "runs"))).toEqual([name]);
  },
);
