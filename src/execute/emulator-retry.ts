/**
 * A second try for what runs under an emulator, when the emulator itself dies.
 *
 * Such a death is a race or a fault of the emulator, which may not happen again; a program's own
 * fault stays. It is a failure of its own class and, as every failure, never cached.
 */
import { NodeFailure } from "../model/failure.js";

const ATTEMPTS = 2;

/**
 * Runs `run`, and once more when it throws a NodeFailure `emulator-crash`. A crash that the second
 * try got over goes to `notes`, one line; any other failure passes at once.
 * @throws what `run` throws, the second crash as it is
 */
export async function withEmulatorRetry<T>(run: () => Promise<T>, notes: string[]): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (!(error instanceof NodeFailure) || error.reason.type !== "emulator-crash") throw error;
      if (attempt === ATTEMPTS) throw error;
      const [where = ""] = error.reason.excerpt.split("\n", 1);
      notes.push(`${where}: the emulator died (${error.reason.signal}); tried once more`);
    }
  }
}
