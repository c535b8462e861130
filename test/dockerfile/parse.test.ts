import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  evaluateStage,
  globalArgs,
  parseDockerfile,
  platformArgs,
  type EvaluatedStage,
} from "../../src/dockerfile/index.js";

const PLATFORM = platformArgs({ os: "linux", architecture: "mips64le" });

/** The last stage of a Dockerfile, followed. */
function evaluate(
  text: string,
  args: Readonly<Record<string, string>> = {},
  baseEnv: Readonly<Record<string, string>> = {},
): EvaluatedStage {
  const file = parseDockerfile(text);
  expect(file.problems).toEqual([]);
  const globals = globalArgs(file, { args, platform: PLATFORM });
  return evaluateStage(file, file.stages.at(-1)!, globals.values, {
    args,
    platform: PLATFORM,
    baseEnv,
    isDropped: () => false,
  });
}

describe("reading", () => {
  it("finds stages, their names and platforms, and ARGs before them", () => {
    const file = parseDockerfile(
      "ARG V=1\nFROM --platform=$BUILDPLATFORM golang:${V} AS Build\nRUN x\nfrom scratch\nCOPY --from=build /a /b\n",
    );
    expect(file.problems).toEqual([]);
    expect(file.globals.map(({ rest }) => rest)).toEqual(["V=1"]);
    expect(file.stages).toMatchObject([
      { index: 0, name: "build", image: "golang:${V}", platform: "$BUILDPLATFORM" },
      { index: 1, image: "scratch" },
    ]);
    expect(file.stages[1]?.instructions).toMatchObject([
      {
        keyword: "COPY",
        number: 5,
        text: "COPY --from=build /a /b",
        flags: [{ name: "from", value: "build" }],
        rest: "/a /b",
        place: { line: 5 },
      },
    ]);
  });

  it("joins continued lines, without comments and empty lines between", () => {
    const file = parseDockerfile("FROM a\nRUN b \\\n  # why\n\n  && c \\ \n  -d\nUSER x\n");
    const [run, user] = file.stages[0]!.instructions;
    expect(run?.text).toBe("RUN b   && c   -d");
    expect(run?.place.line).toBe(2);
    expect(user).toMatchObject({ keyword: "USER", rest: "x", place: { line: 7 } });
  });

  it("takes the escape character from the directive, and notes another frontend", () => {
    const file = parseDockerfile(
      "# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN b `\n c\\\n",
    );
    expect(file.escape).toBe("`");
    expect(file.syntax?.value).toBe("docker/dockerfile:1");
    expect(file.stages[0]?.instructions[0]?.rest).toBe("b  c\\");
  });

  it("reads the exec form only where it is JSON of strings", () => {
    const file = parseDockerfile('FROM a\nCMD ["x", "y z"]\nCMD [x]\nRUN [ -f a ]\nCMD [1]\n');
    expect(file.stages[0]?.instructions.map(({ exec }) => exec)).toEqual([
      ["x", "y z"],
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("reads heredocs, with tabs gone and quotes remembered", () => {
    const file = parseDockerfile(
      "FROM a\nCOPY <<A <<-'B' /d/\n$x\nA\n\tone\n\ttwo\n\tB\nRUN <<E\nset -e\nE\n",
    );
    const [copy, run] = file.stages[0]!.instructions;
    expect(copy?.heredocs).toEqual([
      { name: "A", operator: "<<A", text: "$x\n", expand: true },
      { name: "B", operator: "<<-'B'", text: "one\ntwo\n", expand: false },
    ]);
    expect(copy?.rest).toBe("<<A <<-'B' /d/");
    expect(run?.heredocs[0]?.text).toBe("set -e\n");
  });

  it.each([
    ["", 1, /no FROM/],
    ["RUN a\nFROM b\n", 1, /RUN before the first FROM/],
    ["FROM\n", 1, /wants an image/],
    ["FROM a b c d\n", 1, /wants an image/],
    ["FROM a AS x\nFROM b AS X\n", 2, /Two stages are named "x"/],
    ["FROM a\nRUN <<E\nx\n", 2, /heredoc <<E has no end/],
  ])("tells what is wrong with %j, and where", (text, line, message) => {
    const [problem] = parseDockerfile(text).problems;
    expect(problem?.message).toMatch(message);
    expect(problem?.place.line).toBe(line);
  });

  it("keeps instructions that Docker does not know", () => {
    const file = parseDockerfile(
      "FROM BASEIMAGE\nCROSS_BUILD_COPY qemu-QEMUARCH-static /usr/bin/\n",
    );
    expect(file.stages[0]?.instructions[0]).toMatchObject({
      keyword: "CROSS_BUILD_COPY",
      text: "CROSS_BUILD_COPY qemu-QEMUARCH-static /usr/bin/",
    });
  });

  it("never throws, and keeps every place inside the text", () => {
    const piece = fc.constantFrom(
      ...'FROM a|RUN x|COPY <<E /a|E|\\|`|# escape=`|#|\n|\r\n|\r| |\t|["a"]|${A:-b}|ENV A=|ONBUILD|<<-E|--from=x|\u{feff}|é|AS|$'.split(
        "|",
      ),
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 30 }).map((parts) => parts.join("")),
      fc.array(piece, { maxLength: 30 }).map((parts) => parts.join("\n")),
      fc.string({ unit: "binary", maxLength: 60 }),
    );
    fc.assert(
      fc.property(text, (dockerfile) => {
        const file = parseDockerfile(dockerfile);
        const all = [...file.globals, ...file.stages.flatMap((stage) => stage.instructions)];
        for (const { place } of [...all, ...file.problems]) {
          expect(place.start).toBeLessThanOrEqual(place.end);
          expect(place.end).toBeLessThanOrEqual(dockerfile.length);
        }
        for (const stage of file.stages)
          evaluateStage(
            file,
            stage,
            {},
            {
              args: {},
              platform: PLATFORM,
              baseEnv: {},
              isDropped: () => false,
            },
          );
      }),
      { numRuns: 2000 },
    );
  });
});

describe("variables", () => {
  it("gives each instruction what was set before it", () => {
    const { state, steps } = evaluate(
      'FROM a\nARG V=1\nENV A=$V B="x $A y"\nENV C=${A}/${D:-d}/${A:+set}/${D:+set}/\\$A\nENV OLD form of $C\nWORKDIR /w\nWORKDIR $A\nRUN x\n',
    );
    expect(state.env).toEqual({ A: "1", B: "x  y", C: "1/d/set//$A", OLD: "form of 1/d/set//$A" });
    expect(state.workdir).toBe("/w/1");
    expect(steps.at(-1)).toMatchObject({ type: "run", env: { V: "1", A: "1" }, workdir: "/w/1" });
  });

  it("takes build arguments, globals and the target's platform only where ARG names them", () => {
    const text =
      "ARG V=1\nARG W=2\nFROM a\nARG V\nARG TARGETARCH\nARG X=x\nENV R=$V-$W-$TARGETARCH-$X\n";
    expect(evaluate(text).state.env).toEqual({ R: "1--mips64le-x" });
    expect(evaluate(text, { V: "8", X: "9", W: "7" }).state.env).toEqual({ R: "8--mips64le-9" });
  });

  it("lets the base's environment and ENV go before ARG", () => {
    const { state } = evaluate("FROM a\nARG PATH=/x\nENV PATH=/go:$PATH\n", {}, { PATH: "/bin" });
    expect(state.env).toEqual({ PATH: "/go:/bin" });
  });

  it.each(["ENV A=${B", "ENV A=${B:?missing}", "ENV A=${B^^}", "ENV A='x", "LABEL a=1 b", "ENV A"])(
    "tells what is wrong with %s",
    (line) => {
      const { problems } = evaluate(`FROM a\n\n${line}\n`);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.place.line).toBe(3);
    },
  );
});

describe("the configuration", () => {
  it("is what all instructions say together", () => {
    const { state } = evaluate(
      [
        "FROM a",
        "EXPOSE 80 53/udp 8000-8002",
        'VOLUME ["/a", "/b"]',
        "VOLUME /c /a",
        "LABEL a=1 b='two words'",
        "USER 1001:1002",
        "STOPSIGNAL QUIT",
        'SHELL ["/bin/bash", "-ec"]',
        "CMD nvidia-smi && ./vectorAdd",
        'ENTRYPOINT ["/e"]',
      ].join("\n"),
    );
    expect(state).toMatchObject({
      ports: ["80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp"],
      volumes: ["/a", "/b", "/c"],
      labels: { a: "1", b: "two words" },
      user: "1001:1002",
      stopSignal: "SIGQUIT",
      cmd: ["/bin/bash", "-ec", "nvidia-smi && ./vectorAdd"],
      entrypoint: ["/e"],
    });
  });

  it("tells what it leaves out and what it cannot do", () => {
    const { ignored, unsupported, problems } = evaluate(
      "FROM a\nHEALTHCHECK CMD true\nMAINTAINER m\nONBUILD RUN x\nENTRYPOINT []\nEXPOSE x\nADD --checksum=a b c\n",
    );
    expect(ignored.map(({ instruction }) => instruction.keyword)).toEqual([
      "HEALTHCHECK",
      "MAINTAINER",
    ]);
    expect(unsupported.map(({ place }) => place.line)).toEqual([4, 5, 7]);
    expect(problems.map(({ place }) => place.line)).toEqual([6]);
  });
});

describe("copying", () => {
  it.each([
    ["COPY a b", ["a"], "/w/b"],
    ["COPY a /x/", ["a"], "/x/"],
    ["COPY a b c", ["a", "b"], "/w/c/"],
    ["ADD a .", ["a"], "/w/"],
    ["COPY a /", ["a"], "/"],
    ['COPY ["a b", "c"]', ["a b"], "/w/c"],
    ["COPY $N-*.go ${N}/", ["n-*.go"], "/w/n/"],
  ])("%s", (line, sources, destination) => {
    const { steps } = evaluate(`FROM a\nENV N=n\nWORKDIR /w\n${line}\n`);
    expect(steps.at(-1)).toMatchObject({ type: "copy", sources, destination });
  });

  it("knows flags and inline files", () => {
    const { steps } = evaluate(
      "FROM a\nENV V=v\nCOPY --from=b --chown=1:2 --chmod=0640 --link a b\nCOPY <<x <<'y' /d/\n$V\nx\n$V\ny\n",
    );
    expect(steps).toMatchObject([
      { from: "b", owner: "1:2", mode: "0640" },
      {
        sources: [],
        inline: [
          { name: "x", text: "v\n" },
          { name: "y", text: "$V\n" },
        ],
      },
    ]);
  });
});

/** The module cache, which has Kubernetes where its recipes were built. */
function kubernetesDockerfiles(): string[] {
  const cache = execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" }).trim();
  const images = join(cache, "k8s.io/kubernetes@v1.16.2/test/images");
  if (!existsSync(images)) return [];
  return readdirSync(images)
    .map((name) => join(images, name, "Dockerfile"))
    .filter((path) => existsSync(path));
}

describe("the Dockerfiles of Kubernetes v1.16.2's test images", () => {
  const paths = kubernetesDockerfiles();

  it.runIf(paths.length > 0)("are all understood but for CROSS_BUILD_COPY", () => {
    expect(paths.length).toBeGreaterThan(20);
    for (const path of paths) {
      const file = parseDockerfile(readFileSync(path, "utf8"));
      expect([path, file.problems]).toEqual([path, []]);
      for (const stage of file.stages) {
        const followed = evaluateStage(
          file,
          stage,
          {},
          {
            args: {},
            platform: PLATFORM,
            baseEnv: { PATH: "/bin" },
            isDropped: () => false,
          },
        );
        expect([path, followed.problems, followed.unsupported]).toEqual([path, [], []]);
        const unknown = followed.unknown.map(({ keyword }) => keyword);
        expect(unknown.filter((keyword) => keyword !== "CROSS_BUILD_COPY")).toEqual([]);
      }
    }
  });
});
