/** How a dead emulator is told from a failed program: shared by the test driver and the executors. */

/** Signals that end an emulator, or a program under it, by a fault of its own. */
const CRASH_TEXT = /uncaught target signal (?:4|5|6|7|8|11) \(([^)]*)\)/;
const CRASH_CODES: ReadonlyMap<number, string> = new Map([
  [128 + 4, "SIGILL"],
  [128 + 6, "SIGABRT"],
  [128 + 7, "SIGBUS"],
  [128 + 11, "SIGSEGV"],
]);

/** The signal that ended the emulator, by what it printed or by its exit code; undefined: none did. */
export function crashSignal(output: string, code: number | undefined): string | undefined {
  return CRASH_TEXT.exec(output)?.[1] ?? (code === undefined ? undefined : CRASH_CODES.get(code));
}
