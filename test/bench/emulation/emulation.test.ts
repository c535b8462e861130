import { describe, expect, it } from "vitest";
import {
  agnhostDockerfile,
  goDockerfile,
  libraryDockerfile,
  pauseDockerfile,
  substitute,
  withoutBase,
} from "./dockerfile.js";
import { builtNodes, runSteps } from "./progress.js";
import { withoutTests } from "./recipe.js";

describe("substitutions in a Dockerfile", () => {
  it("refuses one that finds nothing", () => {
    expect(substitute("FROM a\n", [[/^FROM a$/m, "FROM b"]])).toBe("FROM b\n");
    expect(() => substitute("FROM a\n", [[/^RUN /m, ""]])).toThrow("/^RUN /m");
  });

  it("put agnhost on Debian", () => {
    const upstream = `FROM BASEIMAGE

CROSS_BUILD_COPY qemu-QEMUARCH-static /usr/bin/
RUN apk --update add bind-tools curl netcat-openbsd iproute2 iperf bash && rm -rf /var/cache/apk/* \\
  && ln -s /usr/bin/iperf /usr/local/bin/iperf
ADD agnhost agnhost
`;
    expect(agnhostDockerfile(upstream)).toBe(`FROM debian

RUN --mount=type=bind,from=archive,target=/archive apt-get update && apt-get install -y --no-install-recommends bind9-dnsutils curl netcat-openbsd iproute2 iperf bash && rm -rf /var/lib/apt/lists/* \\
  && ln -s /usr/bin/iperf /usr/local/bin/iperf
ADD agnhost agnhost
`);
  });

  it("have a program compiled where it was copied from outside", () => {
    const image = { program: "nnp", directory: "test/images/nonewprivs", further: withoutBase };
    const upstream = `FROM BASEIMAGE
CROSS_BUILD_COPY qemu-QEMUARCH-static /usr/bin/
COPY nnp /usr/local/bin/nnp
RUN chmod +s /usr/local/bin/nnp
CMD ["nnp"]
`;
    expect(goDockerfile(upstream, image)).toBe(`FROM golang AS build
WORKDIR /src
COPY . .
RUN go build -trimpath -buildvcs=false -ldflags="-s -w -buildid=" -o /out/nnp ./test/images/nonewprivs

FROM scratch
COPY --from=build --chmod=6755 /out/nnp /usr/local/bin/nnp
CMD ["nnp"]
`);
    const pause = 'FROM scratch\nARG ARCH\nADD bin/pause-${ARCH} /pause\nENTRYPOINT ["/pause"]\n';
    expect(pauseDockerfile(pause)).toBe(`FROM gcc AS build
COPY pause.c .
RUN gcc -Os -Wall -Werror -static -s -DVERSION=v3.1 -o /pause pause.c

FROM scratch
COPY --from=build /pause /pause
ENTRYPOINT ["/pause"]
`);
  });

  it("install one package in one step", () => {
    expect(libraryDockerfile("perl", "true", ['CMD ["perl"]'])).toBe(`FROM debian
RUN --mount=type=bind,from=archive,target=/archive apt-get update && apt-get install -y --no-install-recommends perl && rm -rf /var/lib/apt/lists/* && true
CMD ["perl"]
`);
  });
});

describe("what the builders say", () => {
  const vertex = (name: string, digest: string, rest: object = {}): string =>
    JSON.stringify({ vertexes: [{ digest, name, ...rest }] });
  const from = { started: "2026-01-01T00:00:00.5Z" };

  it("sums RUN steps, each once, as far as they ended", () => {
    const text = [
      vertex("[internal] load .dockerignore", "a", { ...from, completed: "2026-01-01T00:01:00Z" }),
      vertex("[1/3] FROM debian", "b", { ...from, completed: "2026-01-01T00:01:00Z" }),
      vertex("[2/3] RUN apt-get update", "c"),
      vertex("[2/3] RUN apt-get update", "c", from),
      vertex("[2/3] RUN apt-get update", "c", { ...from, completed: "2026-01-01T00:00:02Z" }),
      vertex("[2/3] RUN apt-get update", "c", { ...from, completed: "2026-01-01T00:00:02Z" }),
      vertex("[nginx build 3/4] RUN go build", "d", { ...from, completed: "2026-01-01T00:00:03Z" }),
      JSON.stringify({ statuses: [{ id: "x" }] }),
      "",
    ].join("\n");
    expect(runSteps(text)).toEqual({ count: 2, seconds: 4 });
  });

  it("does not count a cached step as quick", () => {
    const text = vertex("[2/3] RUN apt-get update", "c", { ...from, cached: true });
    expect(() => runSteps(text)).toThrow("was cached");
  });

  it("lists the nodes that kmips built", () => {
    const finished = (address: string, outcome: object): string =>
      JSON.stringify({ v: 1, type: "finished", address, outcome });
    const text = [
      JSON.stringify({ v: 1, type: "plan", total: 3 }),
      finished("image.a/install", { kind: "built", nativeMs: 9, emulatedMs: 1500 }),
      finished("image.b", { kind: "built", nativeMs: 9, emulatedMs: 0 }),
      finished("image.c", { kind: "cached" }),
    ].join("\n");
    expect(builtNodes(text)).toEqual([
      { address: "image.a/install", emulatedSeconds: 1.5 },
      { address: "image.b", emulatedSeconds: 0 },
    ]);
    expect(() => builtNodes(finished("image.a", { kind: "failed" }))).toThrow("image.a failed");
  });
});

describe("a recipe without its tests", () => {
  it("keeps everything else", () => {
    const recipe = `image a {
  from = base.debian

  test "one line" { cmd = ["/a"], expect = re"}" }
  budget { size = 1MiB }
  test "several" {
    step "b" {
      cmd = ["b"]
    }
  }
}
`;
    expect(withoutTests(recipe)).toBe(`image a {
  from = base.debian

  budget { size = 1MiB }
}
`);
  });
});
