/** Values of options that several commands take. */
import { InvalidArgumentError } from "commander";
import type { ExitCode } from "../model/exit-code.js";

/** Gets the exit code of the command that ran. */
export type ExitSetter = (code: ExitCode) => void;

/** @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]*$/.test(text)) throw new InvalidArgumentError("A whole number from 1.");
  return Number(text);
}

/** @throws InvalidArgumentError */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("A port from 1 to 65535.");
  return port;
}
