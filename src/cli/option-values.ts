/** What the files that declare commands share: how one is made, and values of options. */
import { InvalidArgumentError, type Command } from "commander";
import type { ExitCode } from "../model/exit-code.js";

/** Gets the exit code of the command that ran. */
export type ExitSetter = (code: ExitCode) => void;

/** Adds a command with its help; `nodes`: whether its help explains what NODES are (the default). */
export type MakeCommand = (
  spec: string,
  summary: string,
  examples: readonly string[],
  nodes?: boolean,
) => Command;

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
