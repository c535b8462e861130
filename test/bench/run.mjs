/**
 * `npm run bench`: kmips against its peers, as ratios with goals. Exit code 1 when a goal is missed
 * twice (in the long cases once) or a case cannot be measured; no case is left out silently.
 *
 *   --quick        only the cases that take seconds
 *   --only TEXT    only cases whose name contains TEXT
 *   --store DIR    the store for the shipped recipes; default: kmips's own default
 *
 * Needs `npm run build`, ninja, GNU time and git, all of which ./check sets up. Asks nobody on the
 * network but for the recipes' sources, when they are not built yet, and for turbo, which npm
 * installs into a temporary directory.
 *
 * The cases `--only emulation:` compare with buildx on the builder that `kmips setup` makes, and
 * need what `kmips doctor` checks. They fetch everything anew into a temporary store, and take about
 * 20 minutes on two cores, most of them the peer's; the first time some 10 more for the builder.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadBundle } from "./bundle.mjs";
import { layerTimes } from "./layer.mjs";
import { load, peakKib, race, run } from "./measure.mjs";
import { installTurbo, syntheticProject, turboWorkspace } from "./projects.mjs";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    store: { type: "string" },
  },
});
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const work = mkdtempSync(join(tmpdir(), "kmips-bench-"));
const kmips = join(root, "dist/kmips");
const empty = { argv: [process.execPath, join(work, "empty.cjs")] };
writeFileSync(join(work, "empty.cjs"), "");

/** The no-op build of all shipped recipes, which are built first: minutes in a new store. */
function shippedBuild() {
  const where = options.store === undefined ? [] : ["--store", resolve(options.store)];
  const argv = [kmips, "build", "-C", join(root, "recipes"), ...where];
  // With the user's own environment: what is missing is fetched.
  run(argv, { env: process.env });
  const { stderr } = run(argv);
  const units = Number(/of (\d+)/.exec(stderr)?.[1]);
  if (!(units > 0)) throw new Error(`The summary names no number of nodes: ${stderr.trim()}`);
  return { command: { argv }, units };
}

const projects = new Map();
/** The commands of a synthetic project that both tools have built. */
function synthetic(count) {
  const known = projects.get(count);
  if (known !== undefined) return known;
  const directory = join(work, `synthetic-${count}`);
  const store = join(work, `store-${count}`);
  console.log(`  making ${count} units …`);
  syntheticProject(directory, count);
  console.log("  building them with kmips …");
  const argv = [kmips, "build", "-C", directory, "--store", store];
  run([...argv, "--no-durable", "--progress", "quiet"]);
  run([...argv, "--progress", "quiet"]);
  console.log("  building them with ninja …");
  const ninja = { argv: ["ninja", "-C", directory] };
  run(ninja.argv);
  const made = { own: { argv }, ninja };
  projects.set(count, made);
  return made;
}

let laboratory;
/** kmips against buildx with everything under QEMU: measured once, a quarter of an hour and more. */
async function emulation() {
  if (laboratory === undefined) {
    const source = 'export { Emulation } from "./test/bench/emulation/index.ts";';
    const { Emulation } = await loadBundle(root, work, "emulation", source);
    laboratory = new Emulation({ root, work, store: options.store }, (line) =>
      console.log(`  ${line}`),
    );
  }
  return laboratory;
}

const times = ([own, peer]) => ({ own, peer, unit: "ms" });
const noOp = (count, runs) => () => {
  const { own, ninja } = synthetic(count);
  return times(race([own, ninja], runs));
};

/** `goal`: the ratio kmips / peer may have at most. `once`: too long to be measured twice. */
const CASES = [
  {
    what: "--version / empty Node",
    quick: true,
    goal: 1.2,
    measure: () => times(race([{ argv: [kmips, "--version"] }, empty], 20)),
  },
  {
    what: "no-op, shipped recipes / empty Node",
    quick: true,
    goal: 1.6,
    measure: () => times(race([shippedBuild().command, empty], 20)),
  },
  {
    what: "no-op, shipped recipes / turbo, as many units",
    quick: false,
    goal: 0.6,
    measure: () => {
      const { command, units } = shippedBuild();
      const directory = join(work, "turbo");
      rmSync(directory, { recursive: true, force: true });
      console.log(`  installing turbo, and building ${units} units with it …`);
      const modules = installTurbo(join(work, "turbo-program"));
      const turbo = turboWorkspace(directory, units, modules);
      run(turbo.argv, { cwd: turbo.cwd });
      return times(race([command, turbo], 20));
    },
  },
  { what: "no-op, 1 000 nodes / ninja", quick: true, goal: 8, measure: noOp(1_000, 15) },
  { what: "no-op, 10 000 nodes / ninja", quick: false, goal: 2, measure: noOp(10_000, 15) },
  { what: "no-op, 100 000 nodes / ninja", quick: false, goal: 1, measure: noOp(100_000, 8) },
  {
    what: "memory, 100 000 nodes / ninja",
    quick: false,
    goal: 1.2,
    measure: () => {
      const { own, ninja } = synthetic(100_000);
      const mib = (command) => Math.min(peakKib(command), peakKib(command)) / 1024;
      return { own: mib(own), peer: mib(ninja), unit: "MiB" };
    },
  },
  ...[1, 6].map((level) => ({
    what: `layer of a 40 MB program, gzip ${level} / bare zlib`,
    quick: true,
    // 0.88 of zlib's throughput.
    goal: 1 / 0.88,
    measure: async () => times(await layerTimes(root, work, level, 5)),
  })),
  ...[
    {
      what: "emulation: 3 Go, 1 C and 2 Debian images, cold / buildx under QEMU",
      goal: 1 / 6,
      measure: async () => (await emulation()).wholeSet(),
    },
    {
      what: "emulation: the 2 Debian images of those alone",
      goal: 1 / 3,
      measure: async () => (await emulation()).packages(),
    },
    {
      what: "emulation: what the base, Go and C start under QEMU / RUN steps",
      goal: 0,
      measure: async () => (await emulation()).emulatedNodes(),
    },
    {
      what: "emulation: agnhost's emulated seconds / its Dockerfile's",
      goal: 1 / 3,
      measure: async () => (await emulation()).agnhost(),
    },
  ].map((each) => ({ ...each, quick: false, once: true })),
];

/** Measures a case, once more when it misses its goal. */
async function judge({ what, goal, measure, once = false }) {
  console.log(`${what}   (load ${load()})`);
  let row;
  for (let attempt = 0; attempt < (once ? 1 : 2); attempt++) {
    try {
      const { own, peer, unit } = await measure();
      const ratio = own / peer;
      const verdict = ratio <= goal ? "ok" : "MISSED";
      const figure = (value) => `${value.toFixed(1)} ${unit}`;
      row = [what, figure(own), figure(peer), ratio.toFixed(2), `<= ${goal.toFixed(2)}`, verdict];
      if (verdict === "ok") return row;
      console.log(`  ${ratio.toFixed(2)} is over ${goal.toFixed(2)}   (load ${load()})`);
    } catch (error) {
      console.log(`  ${error.message}`);
      return [what, "-", "-", "-", `<= ${goal.toFixed(2)}`, "NOT MEASURED"];
    }
  }
  return row;
}

try {
  const chosen = CASES.filter(
    ({ what, quick }) => what.includes(options.only) && (quick || !options.quick),
  );
  const rows = [["what", "kmips", "peer", "ratio", "goal", "verdict"]];
  for (const each of chosen) rows.push(await judge(each));
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  console.log(`\nload ${load()}, ${process.version}`);
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    );
  }
  if (chosen.length < CASES.length) {
    console.log(`${CASES.length - chosen.length} of ${CASES.length} cases were not asked for`);
  }
  process.exitCode = rows.slice(1).every((row) => row.at(-1) === "ok") ? 0 : 1;
} finally {
  await laboratory?.close();
  rmSync(work, { recursive: true, force: true });
}
