/**
 * Takes a RUN apart into installs and what is left of it.
 *
 * What is left keeps its text and its order: `A && install && B` becomes run A, install, run B.
 * Commands that change the shell itself (`cd`, `export`, `set`) are said again at the head of every
 * later part, for each part is a shell of its own.
 */
import type { Lookup } from "./expand.js";
import {
  mentionedInstall,
  packageCommand,
  type PackageCommand,
  type PackageManager,
  type PackageName,
} from "./package-commands.js";
import { joinCommands, splitShell, type ShellCommand } from "./shell.js";

export type RunPart =
  /** Shell text for the instruction's shell. */
  | { readonly type: "shell"; readonly text: string }
  | {
      readonly type: "install";
      readonly manager: PackageManager;
      readonly names: readonly PackageName[];
      readonly recommends: boolean;
      /** The command as written. */
      readonly text: string;
    };

export interface SplitRun {
  readonly parts: readonly RunPart[];
  /** Package managers that clean-ups or updates were left out for. */
  readonly managers: readonly PackageManager[];
  readonly problems: readonly { readonly message: string; readonly help?: string }[];
}

/** Commands that change the shell that runs them. */
const STATE: ReadonlySet<string> = new Set(
  ". alias cd eval exec export readonly set shopt source trap ulimit umask unset".split(" "),
);

/**
 * Splits a RUN's shell text. `lookup` gives the variables of its environment; commands that
 * `isDropped` holds of are left out.
 */
export function splitRun(
  text: string,
  lookup: Lookup,
  isDropped: (command: string) => boolean,
): SplitRun {
  const commands = splitShell(text, lookup);
  if (commands === undefined) {
    const mentioned = mentionedInstall(text);
    if (mentioned === undefined)
      return { parts: [{ type: "shell", text }], managers: [], problems: [] };
    return { parts: [], managers: [], problems: [notAlone(mentioned)] };
  }
  const sorted = commands.map((command): Sorted =>
    isDropped(command.text) ? { command, isLeftOut: true } : { command, ...meaning(command) },
  );
  const problems = sorted.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  const managers = [
    ...new Set(
      sorted.flatMap(({ known }) =>
        known === undefined || known.type === "unsupported" ? [] : [known.manager],
      ),
    ),
  ];
  const kept = withoutLeftOut(sorted);
  if (kept.length === sorted.length && !kept.some(({ known }) => known?.type === "install"))
    return { parts: [{ type: "shell", text }], managers, problems };
  return { parts: partsOf(kept, commands.at(-1)), managers, problems };
}

/** The commands that stay; one before a gap is joined as loosely as the gap was. */
function withoutLeftOut(sorted: readonly Sorted[]): Sorted[] {
  const kept: Sorted[] = [];
  for (const entry of sorted) {
    const isLeftOut = entry.isLeftOut === true || entry.known?.type === "superfluous";
    if (!isLeftOut) {
      kept.push(entry);
      continue;
    }
    const before = kept.at(-1);
    if (before?.command.operator === "&&" && entry.command.operator === ";")
      kept[kept.length - 1] = { ...before, command: { ...before.command, operator: ";" } };
  }
  return kept;
}

/** As `splitRun`, for the exec form, which is one command. */
export function splitExec(argv: readonly string[]): SplitRun | undefined {
  const known = packageCommand(argv.map((text) => ({ text, isPattern: false })));
  if (known === undefined) return undefined;
  const text = argv.join(" ");
  if (known.type === "unsupported")
    return { parts: [], managers: [], problems: [unsupported(known)] };
  const parts: RunPart[] = known.type === "install" ? [{ ...known, text }] : [];
  return { parts, managers: [known.manager], problems: [] };
}

interface Sorted {
  readonly command: ShellCommand;
  readonly isLeftOut?: boolean;
  readonly known?: PackageCommand;
  readonly problem?: { readonly message: string; readonly help?: string };
}

function meaning({ text, words }: ShellCommand): Pick<Sorted, "known" | "problem"> {
  if (words === undefined) {
    const mentioned = mentionedInstall(text);
    return mentioned === undefined ? {} : { problem: notAlone(mentioned) };
  }
  const known = packageCommand(words);
  if (known === undefined) return {};
  return { known, ...(known.type === "unsupported" && { problem: unsupported(known) }) };
}

function partsOf(kept: readonly Sorted[], end: ShellCommand | undefined): RunPart[] {
  const parts: RunPart[] = [];
  const state: ShellCommand[] = [];
  let group: ShellCommand[] = [];
  const flush = (): void => {
    const hasEffect = group.some((command) => !changesShell(command));
    if (hasEffect) {
      const all = [...state, ...group];
      const last = all.at(-1);
      // A failure before `;` did not end the RUN: it must not end this part either.
      const ignored = last !== end && last?.operator === ";" && !all.some(stopsAtFailure);
      parts.push({ type: "shell", text: `${joinCommands(all)}${ignored ? "; true" : ""}` });
    }
    state.push(
      ...group.filter(changesShell).map((entry): ShellCommand => ({ ...entry, operator: "&&" })),
    );
    group = [];
  };
  for (const { command, known } of kept) {
    if (known?.type === "install") {
      flush();
      const { manager, names, recommends } = known;
      const before = parts.at(-1);
      // Two installs in a row are one set of packages.
      if (
        before?.type === "install" &&
        before.manager === manager &&
        before.recommends === recommends
      )
        parts[parts.length - 1] = {
          ...before,
          names: [...before.names, ...names.filter((name) => !hasName(before.names, name))],
          text: `${before.text} && ${command.text}`,
        };
      else parts.push({ type: "install", manager, names, recommends, text: command.text });
    } else group.push(command);
  }
  flush();
  return parts;
}

function hasName(names: readonly PackageName[], { name }: PackageName): boolean {
  return names.some((known) => known.name === name);
}

function changesShell({ text, words }: ShellCommand): boolean {
  if (words === undefined)
    return STATE.has(/^\S+/.exec(text)?.[0] ?? "") || /^[A-Za-z_]\w*=(\$\(|`)/.test(text);
  const [first] = words;
  if (first === undefined) return true;
  return STATE.has(first.text) || words.every((word) => /^[A-Za-z_]\w*=/.test(word.text));
}

function stopsAtFailure({ words }: ShellCommand): boolean {
  const [first, ...flags] = words ?? [];
  return first?.text === "set" && flags.some((flag) => /^-[a-z]*e/.test(flag.text));
}

function unsupported(command: Extract<PackageCommand, { type: "unsupported" }>): {
  readonly message: string;
  readonly help?: string;
} {
  return { message: command.why, ...(command.help !== undefined && { help: command.help }) };
}

function notAlone(mentioned: string): { readonly message: string; readonly help: string } {
  return {
    message: `"${mentioned}" stands in a shell construct that cannot be taken apart`,
    help: "drop the instruction and say what it does with install and run",
  };
}
