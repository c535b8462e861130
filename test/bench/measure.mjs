/**
 * How times are taken: peers interleaved A B A B on one machine, the fastest run of each, and the
 * cost of starting any process at all subtracted. Only ratios mean something.
 */
import { spawnSync } from "node:child_process";
import { loadavg } from "node:os";

/** The environment of every run: as here, without what makes any Node start slower. */
export const ENV = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      name !== "NODE_EXTRA_CA_CERTS" && name !== "NODE_OPTIONS" && !name.startsWith("KMIPS_"),
  ),
);

/** Runs a command to its end; throws with what it said when it fails. */
export function run(argv, options = {}) {
  const [program, ...args] = argv;
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    env: ENV,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...options,
  });
  if (error) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) {
    const said = `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n").slice(-8).join("\n  ");
    throw new Error(`${argv.join(" ")} ended with ${status}\n  ${said}`);
  }
  return { stdout, stderr };
}

/** Milliseconds of one run. */
function once({ argv, cwd }) {
  const begin = process.hrtime.bigint();
  const [program, ...args] = argv;
  const { status, error } = spawnSync(program, args, { env: ENV, cwd, stdio: "ignore" });
  const elapsed = Number(process.hrtime.bigint() - begin) / 1e6;
  if (error) throw new Error(`${program}: ${error.message}`);
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}`);
  return elapsed;
}

/** The fastest of `runs` runs of each command, interleaved, in ms without the cost of starting. */
export function race(commands, runs) {
  const nothing = { argv: ["true"] };
  const best = [...commands, nothing].map(() => Infinity);
  for (let round = -1; round < runs; round++) {
    for (const [index, command] of [...commands, nothing].entries()) {
      const elapsed = once(command);
      if (round >= 0) best[index] = Math.min(best[index], elapsed);
    }
  }
  const start = best.pop();
  return best.map((ms) => ms - start);
}

/** The fastest of `runs` runs of each async function, interleaved, in ms. */
export async function raceFunctions(functions, runs) {
  const best = functions.map(() => Infinity);
  for (let round = 0; round < runs; round++) {
    for (const [index, call] of functions.entries()) {
      const begin = performance.now();
      await call();
      best[index] = Math.min(best[index], performance.now() - begin);
    }
  }
  return best;
}

/** Peak memory of a command in KiB, by GNU time. */
export function peakKib({ argv, cwd }) {
  const { stderr } = run(["/usr/bin/time", "-f", "%M", ...argv], { cwd });
  return Number(stderr.trim().split("\n").at(-1));
}

export function load() {
  return loadavg()
    .map((value) => value.toFixed(2))
    .join(" ");
}
