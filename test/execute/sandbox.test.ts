import { describe, expect, it } from "vitest";
import { InternalError } from "../../src/model/invariant.js";
import { sandboxArgv, sandboxEnvironment, type SandboxSpec } from "../../src/execute/sandbox.js";

const tools = {
  bwrap: "/usr/bin/bwrap",
  prlimit: "/usr/bin/prlimit",
  sh: "/usr/bin/sh",
  taskset: "/usr/bin/taskset",
};
const spec: SandboxSpec = {
  mounts: [
    { type: "ro", source: "/store/tree", target: "/kmips/src" },
    { type: "rw", source: "/store/out", target: "/kmips/out" },
    { type: "link", source: "usr/bin", target: "/bin" },
    { type: "tmpfs", target: "/scratch", mode: "1777" },
  ],
  cwd: "/kmips/src",
  env: { GOOS: "linux" },
  argv: ["/kmips/go/bin/go", "build", "--share-net"],
};
const perturbation = {
  directory: "/perturbed/elsewhere",
  umask: 0o77,
  timezone: "Asia/Tokyo",
  locale: "tr_TR.UTF-8",
  uid: 1234,
  processors: [0, 1],
  coldCaches: true,
};

/** Words of the sandbox's own, before the command. */
function options(argv: readonly string[]): readonly string[] {
  return argv.slice(0, argv.lastIndexOf("--"));
}

describe("sandboxArgv()", () => {
  it("is exactly this", () => {
    expect(sandboxArgv(spec, tools)).toEqual([
      ...["/usr/bin/sh", "-c", 'umask "$0"; exec "$@"', "022"],
      ...["/usr/bin/prlimit", "--core=0", "--nofile=4096", "--"],
      ...["/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--new-session"],
      ...["--hostname", "kmips", "--cap-drop", "ALL"],
      ...["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"],
      ...["--ro-bind", "/store/tree", "/kmips/src", "--bind", "/store/out", "/kmips/out"],
      ...["--symlink", "usr/bin", "/bin", "--perms", "1777", "--tmpfs", "/scratch"],
      ...["--chdir", "/kmips/src", "--clearenv"],
      ...["--setenv", "GOOS", "linux", "--setenv", "HOME", "/homeless"],
      ...["--setenv", "LANG", "C.UTF-8", "--setenv", "LC_ALL", "C.UTF-8"],
      ...["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "SOURCE_DATE_EPOCH", "0"],
      ...["--setenv", "TMPDIR", "/tmp", "--setenv", "TZ", "UTC"],
      ...["--", "/kmips/go/bin/go", "build", "--share-net"],
    ]);
  });

  it("has a network only on request, and never with this machine's users", () => {
    expect(options(sandboxArgv(spec, tools))).not.toContain("--share-net");
    expect(options(sandboxArgv({ ...spec, network: true }, tools))).toContain("--share-net");
    const real = options(sandboxArgv({ ...spec, network: true, realUsers: true }, tools));
    expect(real).not.toContain("--share-net");
    expect(real).toContain("--unshare-net");
    expect(real).not.toContain("--unshare-all");
  });

  it("keeps a client's environment out of the command line", () => {
    const argv = sandboxArgv(
      { ...spec, inheritEnvironment: true, env: { TOKEN: "secret" } },
      tools,
    );
    expect(argv.join(" ")).not.toContain("secret");
    expect(argv).not.toContain("--clearenv");
  });

  it("gives only the named capabilities", () => {
    const argv = sandboxArgv({ ...spec, capabilities: ["CAP_CHOWN"] }, tools).join(" ");
    expect(argv).toContain("--cap-drop ALL --cap-add CAP_CHOWN");
  });

  it("changes umask, processors and user under a perturbation", () => {
    const argv = sandboxArgv({ ...spec, perturbation }, tools);
    expect(argv.slice(0, 7)).toEqual([
      ...["/usr/bin/sh", "-c", 'umask "$0"; exec "$@"', "077"],
      ...["/usr/bin/taskset", "--cpu-list", "0,1"],
    ]);
    expect(argv.join(" ")).toContain("--uid 1234 --gid 1234");
  });

  it.each([
    { ...spec, argv: ["go"] },
    { ...spec, argv: [] },
    { ...spec, cwd: "src" },
    { ...spec, mounts: [{ type: "ro", source: "--bind", target: "/x" } as const] },
    { ...spec, mounts: [{ type: "tmpfs", target: "--bind" } as const] },
  ])("refuses what is not absolute: case %#", (broken) => {
    expect(() => sandboxArgv(broken, tools)).toThrow(InternalError);
  });
});

describe("sandboxEnvironment()", () => {
  it("lets the node's own variables win, and a perturbation where it is one", () => {
    expect(sandboxEnvironment({ ...spec, env: { TZ: "X" } })["TZ"]).toBe("X");
    expect(sandboxEnvironment({ ...spec, perturbation })).toMatchObject({
      TZ: "Asia/Tokyo",
      LANG: "tr_TR.UTF-8",
      LC_ALL: "tr_TR.UTF-8",
      GOMAXPROCS: "2",
    });
  });
});
