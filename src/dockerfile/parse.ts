/**
 * Reads a Dockerfile into stages and instructions. Which lines make an instruction, its flags and
 * heredocs is dockerfile-ast's business; how lines are joined follows BuildKit's parser.
 */
import { DockerfileParser, type Copy, type From, type Instruction as Node } from "dockerfile-ast";
import type {
  Dockerfile,
  Flag,
  Heredoc,
  Instruction,
  Place,
  Problem,
  Stage,
} from "./instruction.js";

/** Instructions that take `["a", "b"]`. */
const EXEC_FORM: ReadonlySet<string> = new Set([
  "ADD",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "RUN",
  "SHELL",
  "VOLUME",
]);
/** Instructions that dockerfile-ast reads flags of; those of others are arguments. */
const WITH_FLAGS: ReadonlySet<string> = new Set(["ADD", "COPY", "FROM", "RUN", "HEALTHCHECK"]);
const WITH_HEREDOCS: ReadonlySet<string> = new Set(["ADD", "COPY", "RUN"]);

interface Position {
  readonly line: number;
  readonly character: number;
}

/** Offsets of the lines of a text, by which the positions of dockerfile-ast are found in it. */
class Lines {
  readonly text: string;
  readonly #starts: number[] = [0];

  constructor(text: string) {
    this.text = text;
    // dockerfile-ast counts a lone CR as the end of a line, as the language server protocol does.
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r/g))
      this.#starts.push(index + end.length);
  }

  offset({ line, character }: Position): number {
    return Math.min((this.#starts[line] ?? this.text.length) + character, this.text.length);
  }

  place(range: { readonly start: Position; readonly end: Position }): Place {
    return {
      line: range.start.line + 1,
      start: this.offset(range.start),
      end: this.offset(range.end),
    };
  }

  slice(range: { readonly start: Position; readonly end: Position }): string {
    return this.text.slice(this.offset(range.start), this.offset(range.end));
  }
}

/** Reads a Dockerfile. Never throws: what is wrong with it is in `problems`. */
export function parseDockerfile(text: string): Dockerfile {
  const lines = new Lines(text);
  const file = DockerfileParser.parse(text);
  const escape = file.getEscapeCharacter() === "`" ? "`" : "\\";
  const problems: Problem[] = [];
  const globals: Instruction[] = [];
  const stages: (Stage & { readonly instructions: Instruction[] })[] = [];
  // dockerfile-ast lists instructions by stage; in the text's order their numbers are known.
  const read = file
    .getInstructions()
    .map((node) => readInstruction(node, lines, escape, problems))
    .sort((a, b) => a.place.start - b.place.start);
  for (const [index, unnumbered] of read.entries()) {
    const instruction = { ...unnumbered, number: index + 1 };
    const current = stages.at(-1);
    if (instruction.keyword === "FROM") stages.push(readStage(instruction, stages, problems));
    else if (current !== undefined) current.instructions.push(instruction);
    else if (instruction.keyword === "ARG") globals.push(instruction);
    else
      problems.push({
        place: instruction.place,
        message: `${instruction.keyword} before the first FROM`,
        help: "only ARG may stand there",
      });
  }
  if (stages.length === 0 && problems.length === 0)
    problems.push({ place: { line: 1, start: 0, end: 0 }, message: "The Dockerfile has no FROM" });
  const directive = file
    .getDirectives()
    .find((candidate) => candidate.getName().toLowerCase() === "syntax");
  return {
    escape,
    ...(directive !== undefined && {
      syntax: { value: directive.getValue(), place: lines.place(directive.getRange()) },
    }),
    globals,
    stages,
    problems,
  };
}

function readInstruction(
  node: Node,
  lines: Lines,
  escape: string,
  problems: Problem[],
): Omit<Instruction, "number"> {
  const keyword = node.getKeyword();
  const place = lines.place(node.getRange());
  const flags = WITH_FLAGS.has(keyword) ? readFlags(node as From) : [];
  const rest = joinLines(node.getRawArgumentsContent() ?? "", escape).trim();
  const written = flags.map(({ name, value }) => ` --${name}${value === "" ? "" : `=${value}`}`);
  const heredocs = WITH_HEREDOCS.has(keyword) ? readHeredocs(node as Copy, lines, problems) : [];
  const exec = EXEC_FORM.has(keyword) ? execForm(rest) : undefined;
  return {
    keyword,
    place,
    text: `${keyword}${written.join("")}${rest === "" ? "" : ` ${rest}`}`,
    flags,
    rest,
    ...(exec !== undefined && { exec }),
    heredocs,
  };
}

function readFlags(node: From): Flag[] {
  return node.getFlags().map((flag) => ({ name: flag.getName(), value: flag.getValue() ?? "" }));
}

function readHeredocs(node: Copy, lines: Lines, problems: Problem[]): Heredoc[] {
  return node.getHeredocs().map((heredoc) => {
    const operator = lines.slice(heredoc.getStartRange());
    const content = heredoc.getContentRange();
    const body = content === null ? "" : `${lines.slice(content).replace(/\r\n?/g, "\n")}\n`;
    if (heredoc.getDelimiterRange() === null)
      problems.push({
        place: lines.place(heredoc.getStartRange()),
        message: `The heredoc ${operator} has no end`,
        help: `add a line that holds only ${heredoc.getName()}`,
      });
    return {
      name: heredoc.getName(),
      operator,
      text: operator.startsWith("<<-") ? body.replace(/^\t+/gm, "") : body,
      expand: !/["']/.test(operator),
    };
  });
}

function readStage(
  from: Instruction,
  earlier: readonly Stage[],
  problems: Problem[],
): Stage & { readonly instructions: Instruction[] } {
  const words = from.rest.split(/\s+/).filter((word) => word !== "");
  const [image = "", as, name] = words;
  const isNamed = words.length === 3 && as?.toLowerCase() === "as" && name !== undefined;
  if (image === "" || (words.length !== 1 && !isNamed))
    problems.push({
      place: from.place,
      message: "FROM wants an image, and AS with a name if any",
      help: "write FROM image AS name",
    });
  const platform = from.flags.find((flag) => flag.name === "platform")?.value;
  const lower = isNamed ? name.toLowerCase() : undefined;
  if (lower !== undefined && earlier.some((stage) => stage.name === lower))
    problems.push({ place: from.place, message: `Two stages are named "${lower}"` });
  return {
    index: earlier.length,
    ...(lower !== undefined && { name: lower }),
    from,
    image,
    ...(platform !== undefined && { platform }),
    instructions: [],
  };
}

/**
 * The first logical line of `text`: lines that end in the escape character are joined with the
 * next, in which comments and empty lines count for nothing.
 */
function joinLines(text: string, escape: string): string {
  const continued = escape === "`" ? /(^|[^`])`[ \t]*$/ : /(^|[^\\])\\[ \t]*$/;
  let joined = "";
  let first = true;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (!first && (/^\s*#/.test(line) || line.trim() === "")) continue;
    first = false;
    if (!continued.test(line)) return joined + line;
    joined += line.replace(continued, "$1");
  }
  return joined;
}

/** The strings of `["a", "b"]`; undefined for everything else, which then is the shell form. */
export function execForm(rest: string): readonly string[] | undefined {
  if (!rest.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.every((item) => typeof item === "string")
      ? value
      : undefined;
  } catch {
    return undefined;
  }
}
