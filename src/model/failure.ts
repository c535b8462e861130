/**
 * Why a node failed: the world said no. One union, one renderer (`src/report`), one exit code each.
 */
export type FailureReason =
  /** A tool ran and said no; `log` is the path of the whole output, `excerpt` its telling lines. */
  | {
      readonly type: "command";
      readonly what: string;
      readonly exit: string;
      readonly excerpt: string;
    }
  /** A patch does not apply: hunk and context shown. */
  | {
      readonly type: "patch";
      readonly file: string;
      readonly state: "conflict" | "already-upstream" | "missing-file";
      readonly excerpt: string;
    }
  /** A generator wrote other files than those that the recipe names as its outputs. */
  | {
      readonly type: "generated";
      readonly generator: string;
      readonly missing: readonly string[];
      readonly undeclared: readonly string[];
    }
  | {
      readonly type: "checksum";
      readonly what: string;
      readonly expected: string;
      readonly actual: string;
    }
  | {
      readonly type: "elf";
      readonly file: string;
      readonly expected: string;
      readonly actual: string;
    }
  | {
      readonly type: "test";
      readonly step: string;
      readonly expected: string;
      readonly actual: string;
    }
  /** A declared input (a patch, a local file, a path in a tree) is not there. */
  | {
      readonly type: "missing-input";
      readonly what: string;
      readonly path: string;
      readonly candidates: readonly string[];
    }
  /** A tool is not installed: exit code 5. */
  | { readonly type: "tool"; readonly tool: string; readonly why: string; readonly install: string }
  /** The network or a registry said no: exit code 6. */
  | { readonly type: "network"; readonly what: string; readonly excerpt: string }
  | { readonly type: "emulator-crash"; readonly signal: string; readonly excerpt: string }
  /** A buildx builder that the user named or has does not do; `tried` is the command. */
  | {
      readonly type: "builder";
      readonly builder: string;
      readonly why: string;
      readonly tried: string;
      readonly excerpt: string;
    }
  /** No space, too many files, read-only file system: exit code 5. */
  | {
      readonly type: "resource";
      readonly errno: string;
      readonly path: string;
      readonly what: string;
    }
  /** A base or image costs more than its budget allows; it is built nonetheless. */
  | {
      readonly type: "budget";
      readonly node: string;
      /** `size` in bytes, `emulated` in ms. */
      readonly what: "size" | "emulated";
      readonly limit: number;
      readonly actual: number;
      /** The largest parts of it, in the same unit. */
      readonly largest: readonly (readonly [what: string, amount: number])[];
    }
  /** A program that was to keep running ended, or does not answer; `excerpt` is the end of its log. */
  | {
      readonly type: "component";
      readonly component: string;
      readonly why: string;
      readonly log: string;
      readonly excerpt: string;
    }
  /** Another kmips has it, or has started it: exit code 9. */
  | { readonly type: "busy"; readonly what: string }
  | { readonly type: "timeout"; readonly what: string; readonly ms: number }
  | { readonly type: "interrupted" };

/** Thrown by executors; the scheduler turns it into an outcome. Everything else thrown is a bug of kmips. */
export class NodeFailure extends Error {
  override readonly name = "NodeFailure";
  readonly reason: FailureReason;
  /** The next step for the user, when one is known. */
  readonly help: string | undefined;
  constructor(reason: FailureReason, help?: string) {
    super(reason.type);
    this.reason = reason;
    this.help = help;
  }
}

/** Whether the file system has no room left, or none for this user. */
export function isFullDisk(errno: string | undefined): boolean {
  return errno === "ENOSPC" || errno === "EDQUOT";
}

/** The failure of a node for which the machine had no room, files or processes left at `path`. */
export function resourceFailure(errno: string, path: string, what: string): NodeFailure {
  return new NodeFailure(
    { type: "resource", errno, path, what },
    isFullDisk(errno)
      ? "free space there (kmips gc frees some of the store) and build again: what is done is kept"
      : undefined,
  );
}
