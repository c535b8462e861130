/**
 * Values of variables: build arguments, records of any names, words with their problems told.
 */
import { posix } from "node:path";
import { expandWord, ExpansionError, quotedWords, type Lookup } from "./expand.js";
import type { Dockerfile, Instruction, Problem, Stage } from "./instruction.js";
import type { StageOptions } from "./stage.js";

/** The values of ARGs before the first FROM, which FROM sees, and stages that declare them again. */
export function globalArgs(
  file: Dockerfile,
  options: Pick<StageOptions, "args" | "platform">,
): { readonly values: Readonly<Record<string, string>>; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  let values: Readonly<Record<string, string>> = options.platform;
  for (const instruction of file.globals) {
    for (const word of quotedWords(instruction.rest, file.escape)) {
      const { name, value } = splitAssignment(word);
      const lookup: Lookup = (wanted) => own(values, wanted);
      const given = own(options.args, name);
      const text =
        given ??
        (value === undefined
          ? own(values, name)
          : expanded(value, lookup, file.escape, instruction, problems));
      if (text !== undefined) values = withEntry(values, name, text);
    }
  }
  return { values, problems };
}

/** A word of FROM, with the global arguments in place. */
export function expandFrom(
  word: string,
  stage: Stage,
  file: Dockerfile,
  values: Readonly<Record<string, string>>,
  problems: Problem[],
): string | undefined {
  return expanded(word, (name) => own(values, name), file.escape, stage.from, problems);
}

/** `path` against the working directory, normal and without a slash at its end. */
export function absolute(path: string, workdir = "/"): string {
  return posix.resolve("/", workdir, path);
}

/** `NAME=VALUE` in its parts. */
export function splitAssignment(word: string): { readonly name: string; readonly value?: string } {
  const equals = word.indexOf("=");
  return equals === -1
    ? { name: word }
    : { name: word.slice(0, equals), value: word.slice(equals + 1) };
}

/** The expanded word; undefined, and a problem, when it cannot be. */
export function expanded(
  word: string,
  lookup: Lookup,
  escape: string,
  instruction: Instruction,
  problems: Problem[],
): string | undefined {
  return attempt(() => expandWord(word, lookup, escape), instruction, problems);
}

/** What `expand` gives; undefined, and a problem, when it throws an `ExpansionError`. */
export function attempt(
  expand: () => string,
  { place }: Instruction,
  problems: Problem[],
): string | undefined {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof ExpansionError)) throw error;
    problems.push({ place, message: `Variables cannot be replaced: ${error.message}` });
    return undefined;
  }
}

/** A record's own entry: `__proto__` and `constructor` are names like any other. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The record with one more entry, whatever its name. */
export function withEntry(
  record: Readonly<Record<string, string>>,
  name: string,
  value: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries([...Object.entries(record), [name, value]]);
}
