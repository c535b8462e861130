/** Faults of Dockerfiles and of the rules that rewrite them. */
import type { AnalysisCode, KnownResults } from "../../../src/analyze/index.js";
import { knownDockerfile, recipeWith } from "./dockerfile.js";

interface DockerfileCase {
  readonly code: AnalysisCode;
  readonly name: string;
  readonly recipe: string;
  readonly known: KnownResults;
  readonly at: string;
  readonly message: RegExp;
  readonly help?: RegExp;
}

const FROM = 'from = { "alpine" = base.debian }';

/** A case whose Dockerfile is `text`, and whose image has `body`. */
function dockerfileCase(
  code: AnalysisCode,
  name: string,
  text: string | undefined,
  body: string,
  at: string,
  message: RegExp,
  help?: RegExp,
): DockerfileCase {
  return {
    code,
    name,
    recipe: recipeWith(body),
    known: knownDockerfile(text),
    at,
    message,
    ...(help !== undefined && { help }),
  };
}

/** A case on Debian whose further instruction is `line`, with further `rules`. */
function instructionCase(
  code: AnalysisCode,
  name: string,
  line: string,
  rules: string,
  message: RegExp,
  help?: RegExp,
  at = line,
): DockerfileCase {
  const text = `FROM alpine\n${line}\n`;
  return dockerfileCase(code, name, text, `rewrite { ${FROM}, ${rules} }`, at, message, help);
}

export const DOCKERFILE_CASES: readonly DockerfileCase[] = [
  dockerfileCase(
    "KM0204",
    "a base beside a Dockerfile",
    undefined,
    "from = base.debian",
    "from",
    /has "from" and "dockerfile"/,
    /rewrite/,
  ),
  {
    code: "KM0205",
    name: "rules without a Dockerfile",
    recipe: "image i { rewrite { } }",
    known: knownDockerfile(undefined),
    at: "rewrite",
    message: /"rewrite" only goes with "dockerfile"/,
    help: /dockerfile = /,
  },
  {
    code: "KM0210",
    name: "a Dockerfile in no tree",
    recipe: 'image i { dockerfile = "Dockerfile" }',
    known: knownDockerfile(undefined),
    at: '"Dockerfile"',
    message: /wanted a Tree/,
    help: /source\.NAME/,
  },
  {
    code: "KM0227",
    name: "a Dockerfile without a path",
    recipe:
      'source s { go_module = "example.org/s", version = v1.0.0 }\nimage i { dockerfile = source.s }',
    known: knownDockerfile(undefined),
    at: "source.s",
    message: /names no file/,
  },
  dockerfileCase(
    "KM0331",
    "a row that leaves the context",
    undefined,
    'files { "../x" -> text("") }',
    '"../x"',
    /not a path inside the build context/,
  ),
  dockerfileCase(
    "KM0331",
    "a context outside its source",
    undefined,
    'context = source.s / "../x"',
    '"../x"',
    /not a path inside the source/,
  ),
  instructionCase(
    "KM0350",
    "a package of apt that the archive does not have",
    "RUN apt-get install -y curk",
    "apt = packages.debian",
    /has no package "curk"/,
    /curl/,
    "curk",
  ),
  instructionCase(
    "KM0350",
    "a version of apt that the archive does not have",
    "RUN apt-get install -y curl=7.1",
    "apt = packages.debian",
    /has no version 7\.1 of "curl"/,
    /7\.88/,
    "curl",
  ),
  instructionCase(
    "KM0352",
    "a package of apk without a row",
    "RUN apk add --no-cache curl curk",
    "apk = packages.alpine",
    /packages\.alpine has no row for alpine's "curk"/,
    /the archive has curl/,
    "curk",
  ),
  instructionCase(
    "KM0353",
    "a package of apk that is denied",
    "RUN apk add musl-dev",
    "apk = packages.alpine",
    /"musl-dev" is denied: no musl/,
    undefined,
    "musl-dev",
  ),
  dockerfileCase(
    "KM0354",
    "an install on nothing",
    "FROM scratch\nRUN apk add curl\n",
    "rewrite { apk = packages.alpine }",
    "RUN apk add curl",
    /does not stand on a Debian base/,
  ),
  ...(
    [
      ["from", FROM.replace("alpine", "golang:*"), "base.debian", /from "golang:\*"/],
      ["drop", 'drop = [re"^CROSS"]', 're"^CROSS"', /drop re"\^CROSS"/],
      ["apk", "apk = packages.alpine", "packages.alpine", /rule apk never/],
      ["fetch", 'fetch = { "https://*" = text("") }', 'text("")', /fetch "https/],
      ["build", 'build = { "b" = component.c }', "component.c", /build "b"/],
    ] as const
  ).map(([name, rule, at, message]) =>
    dockerfileCase(
      "KM0360",
      `a rule ${name} that never holds`,
      "FROM scratch\n",
      `rewrite { ${rule} }`,
      at,
      message,
      /remove it/,
    ),
  ),
  dockerfileCase(
    "KM0360",
    "a row over the context that nothing takes",
    "FROM scratch\nCOPY a /a\n",
    'files { "b" -> text("") }',
    '"b"',
    /"b" never holds/,
    /no COPY or ADD/,
  ),
  dockerfileCase(
    "KM0361",
    "an image that no rule covers",
    "ARG V=3\nFROM alpine:$V\n",
    'rewrite { from = { "alpine:2" = base.debian } }',
    "FROM alpine:$V",
    /No rule says what stands for the image "alpine:3"/,
    /alpine:2/,
  ),
  dockerfileCase(
    "KM0361",
    "an image of COPY that no rule covers",
    "FROM scratch\nCOPY --from=busybox /a /a\n",
    "",
    "COPY --from=busybox /a /a",
    /"busybox"/,
    /from = \{ "busybox" = base\.NAME \}/,
  ),
  instructionCase(
    "KM0362",
    "a package manager without a rule",
    "RUN apk add curl",
    "",
    /packages of apk are called: curl/,
    /apk = packages\.NAME/,
  ),
  instructionCase(
    "KM0362",
    "another package manager",
    "RUN zypper install -y a",
    "",
    /"zypper"/,
    /drop/,
  ),
  instructionCase(
    "KM0362",
    "another package manager with a rule of its own",
    "RUN yum install -y a",
    "",
    /packages of dnf are called: a/,
    /dnf = packages\.NAME/,
  ),
  instructionCase(
    "KM0362",
    "an install inside a construct",
    "RUN if x; then apk add curl; fi",
    "",
    /cannot be taken apart/,
  ),
  instructionCase(
    "KM0362",
    "a removal",
    "RUN apk del curl",
    "",
    /apk del/,
    /drop = \[re"\^apk del"\]/,
  ),
  instructionCase(
    "KM0363",
    "a URL that no rule covers",
    "ADD https://example.org/a.tgz /a.tgz",
    "",
    /No rule says what stands for https:\/\/example\.org\/a\.tgz/,
    /fetch = /,
  ),
  instructionCase(
    "KM0364",
    "an instruction that Docker does not know",
    "CROSS_BUILD_COPY qemu /usr/bin/",
    "",
    /no instruction CROSS_BUILD_COPY/,
    /drop = \[re"\^CROSS_BUILD_COPY "\]/,
  ),
  ...(
    [
      ["a trigger", "ONBUILD RUN x", /ONBUILD/],
      ["a secret", "RUN --mount=type=secret,id=x cat /run/secrets/x", /type=secret/],
      ["an agent", "RUN --mount=type=ssh git clone x", /type=ssh/],
      ["a named owner", "COPY --chown=app a /a", /--chown=app/],
      ["a mode of letters", "COPY --chmod=u+x a /a", /--chmod=u\+x/],
      ["archives by pattern", "ADD *.tar /a/", /"\*\.tar"/],
      ["an entrypoint of nothing", "ENTRYPOINT []", /empty ENTRYPOINT/],
    ] as const
  ).map(([name, line, message]) => instructionCase("KM0365", name, line, "", message)),
  dockerfileCase(
    "KM0365",
    "a stage for another platform",
    "FROM --platform=linux/amd64 alpine AS b\n",
    `rewrite { ${FROM} }`,
    "FROM --platform=linux/amd64 alpine AS b",
    /stage for linux\/amd64/,
    /build = \{ "b"/,
  ),
  dockerfileCase("KM0366", "a Dockerfile of nothing", "", "", "", /no FROM/),
  dockerfileCase(
    "KM0366",
    "a stage that is not there",
    "FROM scratch AS base\n",
    'stage = "bas"',
    '"bas"',
    /has no stage "bas"/,
    /"base"/,
  ),
  dockerfileCase(
    "KM0366",
    "a command on nothing",
    "FROM scratch\nRUN x\n",
    "",
    "RUN x",
    /no files/,
  ),
  instructionCase("KM0366", "a variable without an end", "ENV A=${B", "", /has no "}"/),
  dockerfileCase(
    "KM0367",
    "a stage whose component has no such program",
    "FROM golang AS b\nRUN go build\nFROM scratch\nCOPY --from=b /go/bin/pro /\n",
    'rewrite { build = { "b" = component.c } }',
    "COPY --from=b /go/bin/pro /",
    /component\.c makes no program "pro"/,
    /prog/,
  ),
];
