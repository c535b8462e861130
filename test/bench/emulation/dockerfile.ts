/** Dockerfiles as the peer builds them: upstream's text with the substitutions of the recipes. */

/** A pattern and the text that takes its place, as for `String.replace`. */
export type Substitution = readonly [pattern: RegExp, replacement: string];

/** Applies every substitution. @throws Error for one whose pattern is not there */
export function substitute(text: string, substitutions: readonly Substitution[]): string {
  return substitutions.reduce((current, [pattern, replacement]) => {
    if (current.search(pattern) === -1) throw new Error(`No text is left that ${pattern} matches`);
    return current.replace(pattern, replacement);
  }, text);
}

/** What a RUN that installs packages needs: the archive, beside the root file system. */
const ARCHIVE = "--mount=type=bind,from=archive,target=/archive";

/** The shell text of a RUN that installs packages as Dockerfiles on Debian do. */
export function installCommand(packages: readonly string[]): string {
  const install = `apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  return `${ARCHIVE} apt-get update && ${install} && rm -rf /var/lib/apt/lists/*`;
}

/** agnhost's Dockerfile of Kubernetes 1.16, on Debian. */
export function agnhostDockerfile(upstream: string): string {
  const packages = ["bind9-dnsutils", "curl", "netcat-openbsd", "iproute2", "iperf", "bash"];
  return substitute(upstream, [
    [/^FROM BASEIMAGE$/m, "FROM debian"],
    [/^CROSS_BUILD_COPY .*\n/m, ""],
    [
      /apk --update add bind-tools curl netcat-openbsd iproute2 iperf bash && rm -rf \/var\/cache\/apk\/\*/,
      installCommand(packages),
    ],
  ]);
}

/** A program of Kubernetes' test images and the directory of its image's Dockerfile. */
export interface GoImage {
  readonly program: string;
  /** Relative to the module: `test/images/mounttest`; the program's package as well. */
  readonly directory: string;
  /** After the program is copied from the stage that compiles it. */
  readonly further: readonly Substitution[];
}

/** The Dockerfile of a test image with a stage that compiles the program, as kmips does. */
export function goDockerfile(upstream: string, { program, directory, further }: GoImage): string {
  const flags = '-trimpath -buildvcs=false -ldflags="-s -w -buildid="';
  const build = `go build ${flags} -o /out/${program} ./${directory}`;
  const stage = `FROM golang AS build\nWORKDIR /src\nCOPY . .\nRUN ${build}\n\n`;
  const copy = new RegExp(`^COPY ${program} `, "m");
  const upstreams: Substitution[] = [[copy, `COPY --from=build /out/${program} `]];
  return stage + substitute(upstream, [...upstreams, ...further]);
}

/** What nonewprivs needs on no base at all, like the recipe. */
export const withoutBase: readonly Substitution[] = [
  [/^FROM BASEIMAGE$/m, "FROM scratch"],
  [/^CROSS_BUILD_COPY .*\n/m, ""],
  [/^RUN chmod \+s .*\n/m, ""],
  [/^COPY --from=build /m, "COPY --from=build --chmod=6755 "],
];

/** The Dockerfile of the image that every pod starts with, with a stage that compiles its program. */
export function pauseDockerfile(upstream: string): string {
  const flags = "-Os -Wall -Werror -static -s -DVERSION=v3.1";
  const stage = `FROM gcc AS build\nCOPY pause.c .\nRUN gcc ${flags} -o /pause pause.c\n\n`;
  const upstreams: Substitution[] = [
    [/^ARG ARCH\n/m, ""],
    [/^ADD bin\/pause-\$\{ARCH\} \/pause$/m, "COPY --from=build /pause /pause"],
  ];
  return stage + substitute(upstream, upstreams);
}

/** An image of one Debian package as Docker's library would make it. */
export function libraryDockerfile(name: string, command: string, rest: readonly string[]): string {
  const run = `RUN ${installCommand([name])}${command === "" ? "" : ` && ${command}`}`;
  return `${["FROM debian", run, ...rest].join("\n")}\n`;
}
