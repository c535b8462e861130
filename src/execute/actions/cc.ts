/**
 * Runs a C component node: compiles its programs by Debian's cross compiler in a sandbox that sees
 * this machine's /usr, read-only, and the source.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Output } from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import { invariant } from "../../model/invariant.js";
import type { CComponent } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { checkoutOf } from "../go-workspace.js";
import { commandFailure, runSandboxed } from "../run-tool.js";
import { HOST_PROGRAMS, type Mount } from "../sandbox.js";
import { storeProgram } from "./go.js";

const ALTERNATIVES = "/etc/alternatives";

/** Outputs: one per program, executable. @throws NodeFailure */
export async function runC(node: CComponent, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const toolchain = ctx.definition(node.toolchain);
  invariant(
    toolchain.kind === "toolchain" && toolchain.type === "cc",
    `"${ctx.address}" compiles C with "${node.toolchain}"`,
  );
  const compiler = ctx.tools.find(`${toolchain.triplet}-gcc`);
  if (compiler === undefined) {
    throw new NodeFailure({
      type: "tool",
      tool: `${toolchain.triplet}-gcc`,
      why: `"${ctx.address}" compiles C for ${toolchain.triplet}`,
      install: `apt-get install ${toolchain.packages.join(" ")}`,
    });
  }
  const out = join(ctx.temporaryDirectory(), "out");
  mkdirSync(out);
  const base = ctx.perturbation?.directory ?? "/kmips";
  const mounts: Mount[] = [
    ...HOST_PROGRAMS,
    ...(existsSync(ALTERNATIVES)
      ? [{ type: "ro", source: ALTERNATIVES, target: ALTERNATIVES } as const]
      : []),
    { type: "ro", source: await checkoutOf(ctx, node.source), target: `${base}/src` },
    { type: "rw", source: out, target: `${base}/out` },
  ];
  const outputs: Output[] = [];
  for (const [program, files] of Object.entries(node.programs)) {
    const what = `compiling ${program}`;
    const result = await runSandboxed(
      ctx,
      {
        mounts,
        // Sources are named relative to here, so that __FILE__ does not tell where they lie.
        cwd: `${base}/src`,
        argv: [
          compiler.path,
          `-ffile-prefix-map=${base}/src=.`,
          "-Wl,--build-id=none",
          "-o",
          `${base}/out/${program}`,
          ...files.map((file) => relativeSource(file, what)),
          // Last: libraries count only for what stands before them, and a recipe may insist on
          // another build id than ours.
          ...node.flags,
        ],
      },
      { what },
    );
    if (result.code !== 0) throw commandFailure(what, result);
    outputs.push(await storeProgram(program, join(out, program), ctx));
  }
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0 };
}

/** A file name that gcc cannot take for an option, nor for a file of the host. */
function relativeSource(file: string, what: string): string {
  if (/^[-/@]|^$|(?:^|\/)\.\.(?:\/|$)/.test(file)) {
    throw new NodeFailure({ type: "missing-input", what, path: file, candidates: [] });
  }
  return file;
}
