import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { binfmtState, parseBinfmt } from "../../src/host/index.js";
import { platformOf } from "../../src/model/platform.js";

const MIPS = platformOf("mips64le");
const MAGIC = "7f454c4602010100000000000000000002000800";
const MASK = "ffffffffffffff00fefffffffffffffffeffffff";

let root: string;
let places: { directory: string; configuration: string };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kmips-binfmt-"));
  places = { directory: join(root, "binfmt_misc"), configuration: join(root, "binfmt.d") };
  mkdirSync(places.directory);
  mkdirSync(places.configuration);
  writeFileSync(join(places.configuration, "qemu-mips64el.conf"), ":qemu-mips64el:M::…\n");
});
afterEach(() => rmSync(root, { recursive: true }));

function mount(status = "enabled"): void {
  writeFileSync(join(places.directory, "register"), "");
  writeFileSync(join(places.directory, "status"), `${status}\n`);
}

function handler(name: string, first = "enabled", flags = "POF", magic = MAGIC): void {
  writeFileSync(
    join(places.directory, name),
    `${first}\ninterpreter /usr/bin/qemu-mips64el-static\nflags: ${flags}\noffset 0\nmagic ${magic}\nmask ${MASK}\n`,
  );
}

const register = (): string =>
  `cat ${places.configuration}/qemu-mips64el.conf > ${places.directory}/register`;

describe("binfmtState", () => {
  it("finds the handler by what it matches, whatever it is called", () => {
    mount();
    handler("somebody-elses-name");
    expect(binfmtState(MIPS, places)).toEqual({
      usable: true,
      handler: {
        name: "somebody-elses-name",
        enabled: true,
        interpreter: "/usr/bin/qemu-mips64el-static",
        flags: "POF",
      },
    });
  });

  it("does not take the handler of the other byte order for its own", () => {
    mount();
    handler("qemu-mips64el");
    expect(binfmtState(platformOf("mips64"), places)).toMatchObject({
      usable: false,
      why: "no handler for linux/mips64 is registered",
    });
  });

  it.each([
    ["nothing mounted", (): void => undefined, "binfmt_misc is not mounted"],
    ["all of it off", (): void => mount("disabled"), "binfmt_misc is switched off"],
    ["no handler", (): void => mount(), "no handler for linux/mips64le is registered"],
    [
      "a handler that is off",
      (): void => {
        mount();
        handler("qemu-mips64el", "disabled");
      },
      'the handler "qemu-mips64el" is switched off',
    ],
    [
      "a handler without F",
      (): void => {
        mount();
        handler("qemu-mips64el", "enabled", "PO");
      },
      "has no flag F",
    ],
  ])("tells of %s", (_what, prepare, why) => {
    prepare();
    const state = binfmtState(MIPS, places);
    expect(state.usable).toBe(false);
    expect(state.usable ? "" : state.why).toContain(why);
  });

  it("fixes each with one command", () => {
    const fix = (): string => {
      const state = binfmtState(MIPS, places);
      return state.usable ? "" : state.fix;
    };
    expect(fix()).toBe(`mount -t binfmt_misc binfmt_misc ${places.directory} && ${register()}`);
    mount();
    expect(fix()).toBe(register());
    handler("qemu-mips64el", "enabled", "");
    expect(fix()).toBe(`echo -1 > ${places.directory}/qemu-mips64el && ${register()}`);
    handler("qemu-mips64el", "disabled");
    expect(fix()).toBe(`echo 1 > ${places.directory}/qemu-mips64el`);
    rmSync(join(places.directory, "qemu-mips64el"));
    rmSync(join(places.configuration, "qemu-mips64el.conf"));
    expect(fix()).toBe(`apt-get install -y qemu-user-static && ${register()}`);
  });
});

describe("parseBinfmt", () => {
  it("reads a handler without flags", () => {
    expect(parseBinfmt("x", "enabled\ninterpreter /bin/x\nflags: \noffset 0\n")).toEqual({
      name: "x",
      enabled: true,
      interpreter: "/bin/x",
      flags: "",
    });
  });

  it("knows what is no handler", () => {
    expect(parseBinfmt("status", "enabled\n")).toBeUndefined();
  });
});
