/**
 * What kmips and the test driver tell each other: a specification in, one verdict out, both JSON.
 * Types only: the driver is a program of its own inside the sandbox.
 */
import type { Readiness, TestStep } from "../../model/node.js";

/** How one program is started; all paths are paths in the image. */
export interface ProgramSpec {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ServiceSpec {
  readonly name: string;
  readonly program: ProgramSpec;
  readonly ready: Readiness;
}

/** A step; commands come with their complete program. */
export type StepSpec = TestStep & { readonly program?: ProgramSpec };

export interface DriverSpec {
  /** Where the image's root file system lies for the driver. */
  readonly root: string;
  /** Path of the emulator in the image's root; absent: programs run natively. */
  readonly emulator?: string;
  /** `unshare` of util-linux, which changes root, directory and user. */
  readonly unshare: string;
  /** Whether users can be changed: only as root, outside of a user namespace. */
  readonly changeUsers: boolean;
  readonly services: readonly ServiceSpec[];
  readonly steps: readonly StepSpec[];
  readonly timeoutMs: number;
}

export type Verdict =
  | { readonly type: "passed" }
  | {
      readonly type: "failed";
      readonly step: string;
      readonly expected: string;
      readonly actual: string;
    }
  /** The emulator itself, or the program under it, died of a fault signal. */
  | {
      readonly type: "crashed";
      readonly step: string;
      readonly signal: string;
      readonly output: string;
    }
  | { readonly type: "timeout"; readonly step: string; readonly output: string };
