/** Which release the programs of a control plane are of. */
import { releaseOf } from "../../cluster/index.js";
import type { Tools } from "../../host/index.js";
import type { Platform } from "../../model/platform.js";
import type { ProcessRunner } from "../../model/ports.js";
import { emulated, SYSTEM_PATH } from "../launch.js";
import { commandFailure } from "../run-tool.js";

/** An emulated apiserver answers within 2 s on a quiet machine. */
const TIMEOUT_MS = 120_000;

/**
 * The minor version that an apiserver says it has: 16 for `Kubernetes v1.16.2`.
 * @throws NodeFailure when it says none
 */
export async function minorVersionOf(
  apiserver: string,
  options: {
    readonly platform: Platform;
    readonly tools: Tools;
    readonly processes: ProcessRunner;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const result = await options.processes.run({
    argv: [...emulated(options.tools, options.platform), apiserver, "--version"],
    env: { PATH: SYSTEM_PATH },
    timeoutMs: TIMEOUT_MS,
    signal: options.signal,
  });
  const said = /^Kubernetes (v\S+)$/m.exec(result.stdout)?.[1];
  const release = said === undefined ? undefined : releaseOf(said);
  if (result.code !== 0 || release === undefined)
    throw commandFailure("kube-apiserver --version", result);
  return release.minor;
}
