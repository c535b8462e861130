/**
 * Runs a Go component node: cross-compiles its programs natively.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Output } from "../../../cache/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { GoComponent } from "../../model/node.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { openGoBuild } from "../go-build.js";
import { goPaths } from "../go-workspace.js";
import { commandFailure } from "../run-tool.js";

/** Outputs: one per program, executable. @throws NodeFailure */
export async function runGo(node: GoComponent, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const tests = Object.entries(node.tests ?? {});
  const build = await openGoBuild(
    {
      ...node,
      packages: Object.values(node.packages),
      tests: tests.map(([, packagePath]) => packagePath),
    },
    ctx,
  );
  const outputs: Output[] = [];
  const make = async (
    command: readonly string[],
    program: string,
    packagePath: string,
  ): Promise<void> => {
    const what = `go ${command.join(" ")} ${packagePath}`;
    const result = await build.go(
      [
        ...command,
        ...build.flags,
        "-trimpath",
        "-buildvcs=false",
        `-p=${String(ctx.jobs)}`,
        `-ldflags=${joinLdflags([...node.ldflags, "-buildid="])}`,
        `-o=${goPaths(ctx).out}/${program}`,
        // go test takes what follows "--" for arguments of the program.
        ...(command[0] === "test" ? [] : ["--"]),
        packagePath,
      ],
      { what },
    );
    if (result.code !== 0) throw commandFailure(what, result);
    outputs.push(await storeProgram(program, join(build.out, program), ctx));
  };
  for (const [program, packagePath] of Object.entries(node.packages))
    await make(["build"], program, packagePath);
  // What vet finds in old sources is for their authors.
  for (const [program, packagePath] of tests)
    await make(["test", "-c", "-vet=off"], program, packagePath);
  return { outputs, nativeMs: Math.round(performance.now() - started), emulatedMs: 0 };
}

/**
 * Flags as the go tool splits them again: by blanks, with quotes around words that have any.
 * @throws NodeFailure for a word with a blank and both kinds of quotes, which cannot be written
 */
export function joinLdflags(flags: readonly string[]): string {
  return flags
    .map((flag) => {
      if (flag !== "" && !/[\s'"]/.test(flag)) return flag;
      if (!flag.includes("'")) return `'${flag}'`;
      if (!flag.includes('"')) return `"${flag}"`;
      throw new NodeFailure({
        type: "command",
        what: "go build",
        exit: "refused",
        excerpt: `ldflags: a word cannot hold both kinds of quotes: ${flag}`,
      });
    })
    .join(" ");
}

/** Takes a built program into the store. @throws NodeFailure unless it is a regular file */
export async function storeProgram(
  name: string,
  path: string,
  ctx: ActionContext,
): Promise<Output> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new NodeFailure(
      { type: "missing-input", what: "program", path: name, candidates: [] },
      "Is the package a `main` package?",
    );
  }
  return { name, ...(await ctx.store.putFile(path)), executable: true };
}
