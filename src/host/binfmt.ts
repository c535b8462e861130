/**
 * What the kernel does with programs of another architecture: the handlers of binfmt_misc.
 *
 * A command that runs in a root file system of the target is started by the kernel, which asks
 * binfmt_misc for an interpreter. Inside such a root the interpreter's path leads nowhere, so only
 * a handler with flag F (opened at registration, kept open) is of use.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { elfRule, platformName, platformSpellings, type Platform } from "../model/platform.js";

/** Where binfmt_misc is mounted. */
export const BINFMT_DIRECTORY = "/proc/sys/fs/binfmt_misc";
/** Where packages keep the lines that register their handlers: binfmt.d(5). */
const BINFMT_CONFIGURATION = "/usr/lib/binfmt.d";
/** ELF64 header up to `e_machine`, which is all that handlers look at. */
const HEADER_BYTES = 20;

/** One row of binfmt_misc. */
export interface BinfmtHandler {
  /** File name in the directory: `qemu-mips64el`. */
  readonly name: string;
  readonly enabled: boolean;
  /** Path of the interpreter, as it was registered. */
  readonly interpreter: string;
  /** Letters of `P`, `O`, `C`, `F`. */
  readonly flags: string;
}

/** Whether programs of a platform start in a root of their own, and what to do when they do not. */
export type BinfmtState =
  | { readonly usable: true; readonly handler: BinfmtHandler }
  | {
      readonly usable: false;
      /** `no handler is registered`, for the end of a sentence. */
      readonly why: string;
      /** One shell command for root. */
      readonly fix: string;
    };

/** The places to look at; tests pass others. */
export interface BinfmtPlaces {
  readonly directory?: string;
  readonly configuration?: string;
}

/** Looks for the handler of a foreign platform. Starts no process and changes nothing. */
export function binfmtState(platform: Platform, places: BinfmtPlaces = {}): BinfmtState {
  const directory = places.directory ?? BINFMT_DIRECTORY;
  const register = registration(platform, directory, places.configuration);
  const mounted = existsSync(join(directory, "register"));
  if (!mounted) {
    const mount = `mount -t binfmt_misc binfmt_misc ${directory}`;
    return {
      usable: false,
      why: "binfmt_misc is not mounted",
      fix: `${mount} && ${register}`,
    };
  }
  if (readFileSync(join(directory, "status"), "utf8").trim() !== "enabled") {
    return {
      usable: false,
      why: "binfmt_misc is switched off",
      fix: `echo 1 > ${join(directory, "status")}`,
    };
  }
  const handlers = handlersFor(platform, directory);
  const good = handlers.find((handler) => handler.enabled && handler.flags.includes("F"));
  if (good !== undefined) return { usable: true, handler: good };
  const [first] = handlers;
  if (first === undefined) {
    const name = platformName(platform);
    return { usable: false, why: `no handler for ${name} is registered`, fix: register };
  }
  const path = join(directory, first.name);
  if (!first.enabled) {
    return {
      usable: false,
      why: `the handler "${first.name}" is switched off`,
      fix: `echo 1 > ${path}`,
    };
  }
  return {
    usable: false,
    why: `the handler "${first.name}" has no flag F, so it does not work in another root`,
    fix: `echo -1 > ${path} && ${register}`,
  };
}

/** The command that registers Debian's handler, its package included when that is missing. */
function registration(
  platform: Platform,
  directory: string,
  configuration = BINFMT_CONFIGURATION,
): string {
  const { qemu } = platformSpellings(platform);
  const line = join(configuration, `${qemu.replace(/-static$/, "")}.conf`);
  const install = existsSync(line) ? "" : "apt-get install -y qemu-user-static && ";
  return `${install}cat ${line} > ${join(directory, "register")}`;
}

/** The registered handlers that take programs of the platform, enabled or not. */
function handlersFor(platform: Platform, directory: string): BinfmtHandler[] {
  const header = elfHeader(platform);
  return readdirSync(directory)
    .filter((name) => name !== "register" && name !== "status")
    .flatMap((name) => {
      const text = readFileSync(join(directory, name), "utf8");
      const handler = parseBinfmt(name, text);
      return handler !== undefined && takes(text, header) ? [handler] : [];
    });
}

/** Reads a handler's file; undefined for something that is none. */
export function parseBinfmt(name: string, text: string): BinfmtHandler | undefined {
  const interpreter = /^interpreter (.+)$/m.exec(text)?.[1];
  if (interpreter === undefined) return undefined;
  return {
    name,
    enabled: /^enabled$/m.test(text),
    interpreter,
    flags: /^flags: *(\S*)$/m.exec(text)?.[1] ?? "",
  };
}

/** Whether the magic of a handler's file is that of `header`, as the kernel compares them. */
function takes(text: string, header: Buffer): boolean {
  const magic = Buffer.from(/^magic ([0-9a-f]+)$/m.exec(text)?.[1] ?? "", "hex");
  if (magic.byteLength === 0) return false;
  const offset = Number(/^offset (\d+)$/m.exec(text)?.[1] ?? 0);
  const maskText = /^mask ([0-9a-f]+)$/m.exec(text)?.[1];
  const mask =
    maskText === undefined ? Buffer.alloc(magic.byteLength, 0xff) : Buffer.from(maskText, "hex");
  if (offset + magic.byteLength > header.byteLength) return false;
  return magic.every(
    (byte, at) => (((header[offset + at] ?? 0) ^ byte) & (mask[at] ?? 0xff)) === 0,
  );
}

/** The start of an ELF64 executable of the platform (System V ABI, `e_ident` to `e_machine`). */
function elfHeader(platform: Platform): Buffer {
  const { machine, littleEndian } = elfRule(platform);
  const header = Buffer.alloc(HEADER_BYTES);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1]);
  const write = (value: number, at: number): void => {
    if (littleEndian) header.writeUInt16LE(value, at);
    else header.writeUInt16BE(value, at);
  };
  write(2, 16);
  write(machine, 18);
  return header;
}
