/** Faults of kmips itself: shown as "bug in kmips" with a stack, exit code 70. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

/** Throws InternalError unless `condition` holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InternalError(message);
}

/** For the branch of a switch that no value can reach. */
export function assertNever(value: never): never {
  throw new InternalError(`Unexpected value ${JSON.stringify(value)}`);
}
