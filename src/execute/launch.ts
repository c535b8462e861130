/** What stands before the command of a program that kmips starts on this machine. */
import type { Tools } from "../host/index.js";
import type { Platform } from "../model/platform.js";
import { asNodeFailure } from "./tool-failure.js";

/** PATH of a program that is not to depend on the user's own. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Has the kernel end a program when kmips ends, however that is. @throws ToolMissingError */
export function boundToKmips(tools: Tools): string[] {
  return [tools.require("setpriv"), "--pdeathsig", "KILL", "--"];
}

/**
 * The emulator for programs of the platform: nothing on a machine of the platform itself.
 * @throws NodeFailure when it is not installed
 */
export function emulated(tools: Tools, platform: Platform): string[] {
  try {
    const emulator = tools.emulatorFor(platform);
    return emulator === undefined ? [] : [emulator.path];
  } catch (error) {
    throw asNodeFailure(error, tools, `running programs for ${platform.arch}`);
  }
}
