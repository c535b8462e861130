/**
 * Runs a RUN step: BuildKit runs the command on the base, kmips writes the layer.
 *
 * BuildKit's result is only what the command did to the files: it is taken over entry by entry, so
 * the layer depends neither on BuildKit's version nor on how it stores or packs anything.
 */
import { createReadStream } from "node:fs";
import {
  foreignChanges,
  layeredImage,
  manifestOf,
  readImage,
  storeChanges,
  type StoredImage,
} from "../../image/index.js";
import { NodeFailure, resourceFailure } from "../../model/failure.js";
import type { RunDefinition } from "../../model/node.js";
import { platformName } from "../../model/platform.js";
import type { ProcessResult } from "../../model/ports.js";
import type { BuildxClient } from "../builder/buildx-client.js";
import { BuildProgress } from "../builder/progress.js";
import { addedLayers, prepareStep } from "../builder/run-step.js";
import type { ActionContext, ActionOutcome } from "../context.js";
import { requireHandler } from "../debian-root.js";
import { crashSignal } from "../driver/crash.js";
import { withEmulatorRetry } from "../emulator-retry.js";
import { excerpt } from "../excerpt.js";
import { exitText, runClient } from "../run-tool.js";
import { saysDiskFull } from "../tool-failure.js";

/** How much of what a step printed a failure is judged by. */
const KEPT_OUTPUT_BYTES = 64 * 1024;
/**
 * A dying QEMU sends itself the signal that its program died of. As the first process of a step's
 * PID namespace it never gets it and waits for ever: silence after its last words is its end.
 */
const DEAD_AFTER_MS = 10_000;

/** Outputs as an image's: the base's with one layer more. @throws NodeFailure */
export async function runRun(node: RunDefinition, ctx: ActionContext): Promise<ActionOutcome> {
  const started = performance.now();
  const { store } = ctx;
  const { outputs } = ctx.results(node.base);
  const base = readImage(store, manifestOf(outputs));
  const notes: string[] = [];
  let stepMs = 0;
  const files = await ctx.builders.use(
    () => requireHandler(node.platform, ctx),
    (client) =>
      withEmulatorRetry(async () => {
        const attempt = await attemptStep(node, base, client, ctx);
        stepMs += attempt.stepMs;
        return attempt.finish();
      }, notes),
  );
  const changes = await foreignChanges(store, {
    layers: base.manifest.layers.map((layer) => layer.digest),
    foreign: files.map((path) => createReadStream(path)),
  });
  const layer = storeChanges(store, changes, node.epoch);
  const image = layeredImage(store, {
    platform: node.platform,
    epoch: node.epoch,
    base: outputs,
    ...(layer === undefined ? {} : { layer }),
  });
  const emulatedMs = node.platform.arch === ctx.tools.hostArch ? 0 : stepMs;
  return {
    outputs: image.outputs,
    nativeMs: Math.max(0, performance.now() - started - emulatedMs),
    emulatedMs,
    notes,
  };
}

interface Attempt {
  readonly stepMs: number;
  /** The files with the added layers. @throws NodeFailure when the step failed */
  finish(): readonly string[];
}

async function attemptStep(
  node: RunDefinition,
  base: StoredImage,
  client: BuildxClient,
  ctx: ActionContext,
): Promise<Attempt> {
  const directory = ctx.temporaryDirectory();
  const { store, environment } = ctx;
  const { argv, env } = prepareStep(node, base, client, { store, directory, environment });
  let output = Buffer.alloc(0);
  const emulatorDied = new AbortController();
  let silence: NodeJS.Timeout | undefined;
  const progress = new BuildProgress((chunk) => {
    ctx.log(chunk);
    output = Buffer.concat([output, chunk]).subarray(-KEPT_OUTPUT_BYTES);
    clearTimeout(silence);
    if (crashSignal(output.toString("utf8"), undefined) !== undefined)
      silence = setTimeout(() => emulatorDied.abort(), DEAD_AFTER_MS);
  });
  const started = performance.now();
  let result: ProcessResult;
  try {
    result = await runClient(
      { ...ctx, signal: AbortSignal.any([ctx.signal, emulatorDied.signal]) },
      { argv, cwd: directory, env: { ...client.env, ...env }, onlyEnv: client.env !== undefined },
      { what: `run step ${ctx.address}`, onOutput: (chunk) => progress.write(chunk) },
    );
  } catch (error) {
    if (!emulatorDied.signal.aborted || ctx.signal.aborted) throw error;
    const crash = crashFailure(node, output.toString("utf8"), undefined);
    return {
      stepMs: performance.now() - started,
      finish: () => {
        throw crash ?? error;
      },
    };
  } finally {
    clearTimeout(silence);
  }
  progress.end();
  return {
    stepMs: progress.stepMs,
    finish: () => {
      if (result.code !== 0) {
        ctx.log(progress.otherText);
        throw stepFailure(node, client, result, progress, output.toString("utf8"), ctx);
      }
      const added = addedLayers(directory, base);
      if ("files" in added) return added.files;
      throw builderFailure(client, added.problem, progress.otherText);
    },
  };
}

function stepFailure(
  node: RunDefinition,
  client: BuildxClient,
  result: ProcessResult,
  progress: BuildProgress,
  output: string,
  ctx: ActionContext,
): NodeFailure {
  const { stepError, stepExit, otherText } = progress;
  const said = `${output}\n${otherText}`;
  if (client.isPrivate && saysDiskFull(said))
    return resourceFailure("ENOSPC", ctx.store.root, `run step ${ctx.address}`);
  if (stepError === undefined) {
    return builderFailure(client, `failed: ${exitText(result)}`, otherText);
  }
  const name = platformName(node.platform);
  if (/exec format error/.test(said)) {
    return new NodeFailure(
      {
        type: "tool",
        tool: "binfmt_misc",
        why: `the machine of builder "${client.name}" does not start programs for ${name}`,
        install: "an emulator for it there, registered with flag F",
      },
      "kmips doctor prints the command for this machine; another builder has a machine of its own",
    );
  }
  const crash =
    node.platform.arch === ctx.tools.hostArch ? undefined : crashFailure(node, output, stepExit);
  if (crash !== undefined) return crash;
  const exit = stepExit === undefined ? stepError : `exit ${stepExit}`;
  return new NodeFailure(
    {
      type: "command",
      what: whatRuns(node),
      exit,
      excerpt: excerpt(output === "" ? stepError : output),
    },
    "correct the command or what it runs on; kmips log shows all it printed",
  );
}

function crashFailure(
  node: RunDefinition,
  output: string,
  code: number | undefined,
): NodeFailure | undefined {
  const signal = crashSignal(output, code);
  if (signal === undefined) return undefined;
  const text = `${whatRuns(node)}\n${excerpt(output)}`;
  return new NodeFailure({ type: "emulator-crash", signal, excerpt: text });
}

function whatRuns({ argv }: RunDefinition): string {
  return `running ${JSON.stringify(argv[0] ?? "")}`;
}

function builderFailure(client: BuildxClient, why: string, said: string): NodeFailure {
  return new NodeFailure({
    type: "builder",
    builder: client.name,
    why,
    tried: `buildx build --builder ${client.name}`,
    excerpt: excerpt(said),
  });
}
