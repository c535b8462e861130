/** Debian root file systems: what runs natively gives what full emulation gives. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ActionOutcome, Perturbation } from "../../src/execute/context.js";
import { DebianRig, layersOf } from "./debian-rig.js";

/** Another directory, time zone and locale; a store of its own gives another place for files anyway. */
const ELSEWHERE: Perturbation = {
  directory: "/perturbed/elsewhere",
  umask: 0o077,
  timezone: "Asia/Tokyo",
  locale: "C",
  uid: 1234,
  processors: [0],
  coldCaches: true,
};

/** As the shipped base: netbase's script writes to /etc without regard to DPKG_ROOT. */
const SLIM = {
  include: ["netbase"],
  excludePaths: ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"],
  keepPaths: ["/usr/share/doc/*/copyright"],
};

let debian: DebianRig;
let native: ActionOutcome;
beforeAll(async () => {
  debian = await DebianRig.open();
  native = await debian.base("debian", SLIM);
});
afterAll(() => debian.close());

describe("a base", () => {
  it("is the same made natively and under the emulator, under any circumstances", async () => {
    expect(native.emulatedMs).toBe(0);
    const [layer] = layersOf(native);
    expect(layer!.size).toBeLessThan(150 * 1024 * 1024);

    // One run shows both: neither the emulator nor the circumstances reach the layer.
    const emulated = await debian.base(
      "emulated",
      { ...SLIM, scripts: "emulated" },
      { perturbation: ELSEWHERE },
    );
    expect(emulated.emulatedMs).toBeGreaterThan(0);
    expect(layersOf(emulated)).toEqual([layer]);
  });
});

describe("an install", () => {
  it.each(["curl", "bind9-dnsutils", "nginx-light"])(
    "of %s is the same with only its scripts emulated, elsewhere, as with all of dpkg",
    async (name) => {
      const context = { perturbation: ELSEWHERE };
      const split = await debian.install("base.debian", [name], "split", context);
      const emulated = await debian.install("base.debian", [name], "emulated");
      expect(layersOf(split)).toHaveLength(2);
      expect(split.outputs).toEqual(emulated.outputs);
      expect(split.emulatedMs).toBeLessThan(emulated.emulatedMs / 2);
    },
  );

  it("stands on another install, and adds one layer", async () => {
    const both = await debian.install("image.curl-split/install", ["netcat-openbsd"], "split");
    expect(layersOf(both)).toHaveLength(3);
  });

  const SCRIPT = `#!/bin/sh -e
rm -r /etc/update-motd.d /etc/issue
echo "$1" > /etc/state
echo "$(uname -m) $DPKG_MAINTSCRIPT_PACKAGE \${DPKG_ROOT:-none}" >> /etc/state
printf '%s\\n' "it's \$0: $0" >> /etc/state
`;

  it.each([
    ["in the shell of all scripts", SCRIPT.replace(/^.*\$0.*\n/m, "")],
    ["as a program, for it asks for its name", SCRIPT],
    ["as a program of bash", SCRIPT.replace("/bin/sh", "/bin/bash")],
    ["as a program that dpkg starts", SCRIPT.replace("/bin/sh -e", "/usr/bin/env sh")],
  ])("runs a script %s, and hides what it removed", async (_, script) => {
    const split = await debian.installOwn("base.debian", "own", script, "split");
    const emulated = await debian.installOwn("base.debian", "own", script, "emulated");
    expect(split.outputs).toEqual(emulated.outputs);
    const layer = layersOf(split).at(-1)!.digest;
    const entries = debian.rig.store.readBytes(layer).toString("latin1");
    expect(entries).toContain("etc/.wh.issue\0");
    expect(entries).toContain("configure\nmips64 own none\n");
  });

  it("says which package's script failed, and what it said", async () => {
    const script = "#!/bin/sh\nset -e\necho no luck >&2\nfalse\necho not reached\n";
    await expect(debian.installOwn("base.debian", "own", script, "split")).rejects.toMatchObject({
      reason: {
        type: "command",
        excerpt: expect.stringMatching(/no luck[^]*package own \(--configure\)/) as string,
      },
    });
  });

  it("knows a crash of the emulator in a script, tries once more and gives up", async () => {
    // bash is the target's; sh is not, when this machine has the same.
    const script = "#!/bin/sh\nbash -c 'kill -SEGV $$'\n";
    await expect(debian.installOwn("base.debian", "own", script, "split")).rejects.toMatchObject({
      reason: { type: "emulator-crash" },
    });
    expect(debian.sandboxedProcesses()).toEqual([]);
  });

  it("leaves no process and no file behind when it is interrupted", async () => {
    const interrupt = new AbortController();
    let running = 0;
    const log = (chunk: string | Buffer): void => {
      if (!chunk.toString().includes("Setting up nginx-common")) return;
      running = debian.sandboxedProcesses().length;
      interrupt.abort();
    };
    const install = debian.install("base.debian", ["nginx-light"], "split", {
      log,
      signal: interrupt.signal,
    });
    await expect(install).rejects.toMatchObject({ reason: { type: "interrupted" } });
    expect(running).toBeGreaterThan(0);
    await vi.waitFor(() => expect(debian.sandboxedProcesses()).toEqual([]));
  });
});
