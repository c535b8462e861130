import { describe, expect, it } from "vitest";
import { dockerfileText, stepConfig } from "../../src/execute/builder/run-step.js";
import { BuildProgress } from "../../src/execute/builder/progress.js";
import {
  findCurrentBuilder,
  findNamedBuilder,
  namedBuilder,
  parseInspect,
  type BuilderSearch,
} from "../../src/execute/builder/user-builder.js";
import { NodeFailure } from "../../src/model/failure.js";
import type { RunDefinition } from "../../src/model/node.js";
import { platformOf } from "../../src/model/platform.js";
import type { ProcessRequest, ProcessResult } from "../../src/model/ports.js";
import type { Tools } from "../../src/host/index.js";

function step(overrides: Partial<RunDefinition> = {}): RunDefinition {
  return {
    kind: "run",
    base: "image.base",
    argv: ["/bin/sh", "-c", "true"],
    env: {},
    network: false,
    platform: platformOf("mips64le"),
    epoch: 0,
    ...overrides,
  };
}

describe("dockerfileText", () => {
  it("is two lines, with the network only for a step that may use it", () => {
    expect(dockerfileText(step())).toBe(
      'FROM kmips-base\nRUN --network=none ["/bin/sh","-c","true"]\n',
    );
    expect(dockerfileText(step({ network: true }))).toContain("RUN --network=default [");
  });

  it.each([
    ["a heredoc", "cat <<EOF\nx\nEOF\n"],
    ["continuations and comments", "a \\\n# b\n"],
    ["variables and quotes", `echo "$A" '\${B}' \`c\``],
    ["other scripts and control characters", "ä 漢 😀 \u0001 \u007f \u2028"],
    ["a flag", "--mount=type=secret"],
  ])("hands %s over as one word that no Dockerfile parser looks into", (_what, word) => {
    const text = dockerfileText(step({ argv: ["/bin/x", word] }));
    expect(text.split("\n")).toHaveLength(3);
    const json = text.slice(text.indexOf("["), -1);
    expect(JSON.parse(json)).toEqual(["/bin/x", word]);
    expect(json).toMatch(/^[ -~]*$/);
    expect(json).not.toMatch(/[<$`]/);
  });
});

describe("stepConfig", () => {
  const base = {
    architecture: "mips64le",
    os: "linux",
    config: { Env: ["PATH=/bin", "A=1", "B=2"], User: "web", WorkingDir: "/srv" },
    rootfs: { type: "layers", diff_ids: [] },
  } as const;

  it("puts what the step declares over what the image has", () => {
    const { config } = stepConfig(base, step({ env: { A: "x y\n$z", C: "" }, user: "0" }));
    expect(config).toEqual({
      Env: ["PATH=/bin", "B=2", "A=x y\n$z", "C="],
      User: "0",
      WorkingDir: "/srv",
    });
    expect(stepConfig(base, step({ workdir: "/" })).config).toMatchObject({
      User: "web",
      WorkingDir: "/",
    });
  });
});

describe("BuildProgress", () => {
  const run = (vertex: object): string =>
    `${JSON.stringify({ vertexes: [{ digest: "sha256:r", name: '[1/2] RUN --network=none ["x"]', ...vertex }] })}\n`;
  const log = (vertex: string, text: string): string =>
    `${JSON.stringify({ logs: [{ vertex, data: Buffer.from(text).toString("base64") }] })}\n`;

  function feed(text: string, chunkBytes = 7): { progress: BuildProgress; printed: string } {
    const printed: Buffer[] = [];
    const progress = new BuildProgress((chunk) => void printed.push(chunk));
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += chunkBytes)
      progress.write(bytes.subarray(at, at + chunkBytes));
    progress.end();
    return { progress, printed: Buffer.concat(printed).toString() };
  }

  it("tells how long the step took, and only what the step printed", () => {
    const { progress, printed } = feed(
      [
        '{"vertexes":[{"digest":"sha256:o","name":"[internal] load","started":"2026-01-01T00:00:00Z","completed":"2026-01-01T00:00:09Z"}]}\n',
        run({ started: "2026-01-01T00:00:10Z" }),
        log("sha256:o", "not this"),
        log("sha256:r", "grüße\n"),
        run({ started: "2026-01-01T00:00:10Z", completed: "2026-01-01T00:00:12.5Z" }),
      ].join(""),
    );
    expect(progress.stepMs).toBe(2500);
    expect(printed).toBe("grüße\n");
    expect(progress.stepError).toBeUndefined();
    expect(progress.otherText).toBe("");
  });

  it("tells why the step failed", () => {
    const error = 'process "x" did not complete successfully: exit code: 139';
    const { progress } = feed(
      `${run({ started: "2026-01-01T00:00:10Z", error })}ERROR: failed to solve\n`,
    );
    expect(progress.stepExit).toBe(139);
    expect(progress.stepError).toBe(error);
    expect(progress.stepMs).toBe(0);
    expect(progress.otherText).toBe("ERROR: failed to solve\n");
  });

  it("keeps text that only looks like progress, and an unfinished last line", () => {
    expect(feed("{ not json\nlast").progress.otherText).toBe("{ not json\nlast\n");
  });
});

const RUNNING = `Name:          box
Driver:        docker-container
Last Activity: 2026-11-25 00:14:24 +0000 UTC

Nodes:
Name:             box0
Endpoint:         unix:///var/run/docker.sock
Status:           running
BuildKit version: v0.20.0
Platforms:        linux/amd64, linux/mips64le*
`;
const SILENT = `Name:   far
Driver: remote

Nodes:
Name:     far0
Endpoint: tcp://127.0.0.1:9
Status:   inactive
Error:    failed to connect: connection refused
`;

describe("parseInspect", () => {
  it("reads driver and state", () => {
    expect(parseInspect(RUNNING)).toEqual({
      name: "box",
      driver: "docker-container",
      answers: true,
      error: undefined,
    });
    expect(parseInspect(SILENT)).toMatchObject({
      answers: false,
      error: "failed to connect: connection refused",
    });
    expect(parseInspect("ERROR: no builder")).toBeUndefined();
  });
});

describe("the user's builders", () => {
  it("are named by the option first, then by kmips's variable, then by buildx's", () => {
    const variables = { KMIPS_BUILDER: "b", BUILDX_BUILDER: "c" };
    expect(namedBuilder("a", variables)).toBe("a");
    expect(namedBuilder(undefined, variables)).toBe("b");
    expect(namedBuilder(undefined, { KMIPS_BUILDER: "", BUILDX_BUILDER: "c" })).toBe("c");
    expect(namedBuilder(undefined, {})).toBeUndefined();
  });

  /** A machine with the given clients, where a command's last words decide what it prints. */
  function machine(
    clients: readonly string[],
    answers: Readonly<Record<string, Partial<ProcessResult>>>,
  ): BuilderSearch & { readonly started: string[] } {
    const started: string[] = [];
    const tools = {
      find: (name: string) => (clients.includes(name) ? { name, path: `/bin/${name}` } : undefined),
    } as unknown as Tools;
    const run = ({ argv }: ProcessRequest): Promise<ProcessResult> => {
      const command = argv.join(" ");
      started.push(command);
      const answer = Object.entries(answers).find(([words]) => command.endsWith(words))?.[1];
      const failed = { code: 1, stdout: "", stderr: "no such command" };
      const base = { killedBy: undefined, timedOut: false, elapsedMs: 1, code: 0, stdout: "" };
      return Promise.resolve({ ...base, stderr: "", ...(answer ?? failed) });
    };
    return { tools, processes: { run }, environment: {}, started };
  }

  it("are found through the plugin, or through buildx where there is none", async () => {
    const plugin = machine(["docker", "buildx"], {
      "buildx version": {},
      inspect: { stdout: RUNNING },
    });
    expect(await findCurrentBuilder(plugin)).toEqual({
      name: "box",
      driver: "docker-container",
      client: ["/bin/docker", "buildx"],
    });
    const plain = machine(["docker", "buildx"], { inspect: { stdout: RUNNING } });
    expect(await findCurrentBuilder(plain)).toMatchObject({ client: ["/bin/buildx"] });
  });

  it("do not count unless one answers and is not the plain docker driver", async () => {
    for (const stdout of [SILENT, RUNNING.replace("docker-container", "docker"), "ERROR"]) {
      expect(
        await findCurrentBuilder(machine(["buildx"], { inspect: { stdout } })),
      ).toBeUndefined();
    }
    const none = machine([], {});
    expect(await findCurrentBuilder(none)).toBeUndefined();
    expect(none.started).toEqual([]);
  });

  it.each([
    ["is unknown", { code: 1, stderr: 'ERROR: no builder "far" found' }, "does not answer"],
    ["is silent", { timedOut: true, code: undefined }, "does not answer within 60 s"],
    ["is down", { stdout: SILENT }, "does not answer: failed to connect: connection refused"],
    ["has the plain driver", { stdout: RUNNING.replace("docker-container", "docker") }, "driver"],
  ])("fail by name when a named one %s", async (_what, answer, why) => {
    const search = machine(["buildx"], { "inspect --bootstrap far": answer });
    const failure: unknown = await findNamedBuilder("far", search).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NodeFailure);
    const { reason } = failure as NodeFailure;
    expect(reason).toMatchObject({
      type: "builder",
      builder: "far",
      tried: "buildx inspect --bootstrap far",
    });
    expect(reason.type === "builder" ? reason.why : "").toContain(why);
  });

  it("fail as a missing tool when a named one has no client", async () => {
    await expect(findNamedBuilder("far", machine([], {}))).rejects.toMatchObject({
      reason: { type: "tool", tool: "buildx" },
    });
  });
});
