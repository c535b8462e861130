/**
 * Follows the instructions of a stage: variables replaced by their values at each place, what runs
 * and what is copied as steps, everything else gathered as the state of the stage.
 */
import { expandText, plainWords, quotedWords, type Lookup } from "./expand.js";
import {
  KEYWORDS,
  type Dockerfile,
  type Instruction,
  type Problem,
  type Stage,
} from "./instruction.js";
import type { EvaluatedStage, StageOptions, StageState, Step } from "./stage.js";
import { absolute, attempt, expanded, own, splitAssignment, withEntry } from "./values.js";

const SHELL: readonly string[] = ["/bin/sh", "-c"];
const NOTHING: StageState = { env: {}, labels: {}, ports: [], volumes: [], shell: SHELL };

/** Follows the instructions of a stage. `globals` are the values of `globalArgs`. */
export function evaluateStage(
  file: Dockerfile,
  stage: Stage,
  globals: Readonly<Record<string, string>>,
  options: StageOptions,
): EvaluatedStage {
  return new Evaluation(file, globals, options).run(stage);
}

class Evaluation {
  readonly #file: Dockerfile;
  readonly #globals: Readonly<Record<string, string>>;
  readonly #options: StageOptions;
  #state: StageState;
  #args: Readonly<Record<string, string>> = {};
  /** CMD was set by this stage: a later ENTRYPOINT leaves it. */
  #ownCmd = false;
  readonly #steps: Step[] = [];
  readonly #problems: Problem[] = [];
  readonly #ignored: { instruction: Instruction; why: string }[] = [];
  readonly #unknown: Instruction[] = [];
  readonly #unsupported: Problem[] = [];

  constructor(file: Dockerfile, globals: Readonly<Record<string, string>>, options: StageOptions) {
    this.#file = file;
    this.#globals = globals;
    this.#options = options;
    this.#state = options.parent ?? NOTHING;
  }

  run(stage: Stage): EvaluatedStage {
    for (const instruction of stage.instructions)
      if (!this.#options.isDropped(instruction)) this.#follow(instruction);
    return {
      steps: this.#steps,
      state: this.#state,
      problems: this.#problems,
      ignored: this.#ignored,
      unknown: this.#unknown,
      unsupported: this.#unsupported,
    };
  }

  readonly #lookup: Lookup = (name) =>
    own(this.#state.env, name) ?? own(this.#options.baseEnv, name) ?? own(this.#args, name);

  #follow(instruction: Instruction): void {
    const { keyword, rest, exec } = instruction;
    if (!KEYWORDS.has(keyword)) {
      this.#unknown.push(instruction);
      return;
    }
    if (rest === "") {
      this.#problem(instruction, `${keyword} has no arguments`);
      return;
    }
    switch (keyword) {
      case "ARG":
        return this.#arg(instruction);
      case "ENV":
        return this.#set({ env: { ...this.#state.env, ...this.#pairs(instruction) } });
      case "LABEL":
        return this.#set({ labels: { ...this.#state.labels, ...this.#pairs(instruction) } });
      case "WORKDIR":
        return this.#workdir(instruction);
      case "USER":
        return this.#single(instruction, (user) => this.#set({ user }));
      case "STOPSIGNAL":
        return this.#single(instruction, (signal) =>
          this.#set({ stopSignal: /^(SIG|\d)/.test(signal) ? signal : `SIG${signal}` }),
        );
      case "EXPOSE":
        return this.#expose(instruction);
      case "VOLUME":
        return this.#set({
          volumes: [...new Set([...this.#state.volumes, ...this.#words(instruction)])],
        });
      case "SHELL":
        if (exec === undefined || exec.length === 0)
          return this.#problem(
            instruction,
            "SHELL wants the exec form",
            'write SHELL ["/bin/sh", "-c"]',
          );
        return this.#set({ shell: exec });
      case "ENTRYPOINT": {
        const entrypoint = this.#argv(instruction);
        if (entrypoint.length === 0)
          return this.#refuse(instruction, "An empty ENTRYPOINT, which would undo the base's,");
        const { cmd, ...others } = this.#state;
        this.#state = { ...others, ...(cmd !== undefined && this.#ownCmd && { cmd }), entrypoint };
        return;
      }
      case "CMD":
        this.#ownCmd = true;
        return this.#set({ cmd: this.#argv(instruction) });
      case "RUN":
        return this.#run(instruction);
      case "COPY":
      case "ADD":
        return this.#copy(instruction);
      case "HEALTHCHECK":
        return this.#ignore(instruction, "OCI images have no health check");
      case "MAINTAINER":
        return this.#ignore(instruction, "write a label");
      case "ONBUILD":
        return this.#refuse(instruction, "ONBUILD, which OCI images cannot hold,");
      default:
        return;
    }
  }

  #set(change: Partial<StageState>): void {
    this.#state = { ...this.#state, ...change };
  }

  #problem(instruction: Instruction, message: string, help?: string): void {
    this.#problems.push({ place: instruction.place, message, ...(help !== undefined && { help }) });
  }

  #ignore(instruction: Instruction, why: string): void {
    this.#ignored.push({ instruction, why });
  }

  #refuse({ place }: Instruction, what: string, help?: string): void {
    this.#unsupported.push({
      place,
      message: `${what} is not supported`,
      ...(help !== undefined && { help }),
    });
  }

  #expand(word: string, instruction: Instruction): string | undefined {
    return expanded(word, this.#lookup, this.#file.escape, instruction, this.#problems);
  }

  #single(instruction: Instruction, use: (text: string) => void): void {
    const text = this.#expand(instruction.rest, instruction);
    if (text === "") this.#problem(instruction, `${instruction.keyword} is empty`);
    else if (text !== undefined) use(text);
  }

  /** Words after expansion; those that become nothing are left out. */
  #words(instruction: Instruction): string[] {
    return (instruction.exec ?? plainWords(instruction.rest)).flatMap((word) => {
      const text = this.#expand(word, instruction);
      return text === undefined || text === "" ? [] : [text];
    });
  }

  /** `NAME=VALUE …`, or the old form `NAME VALUE`. */
  #pairs(instruction: Instruction): Record<string, string> {
    const pairs: Record<string, string> = Object.create(null) as Record<string, string>;
    const words = quotedWords(instruction.rest, this.#file.escape);
    if (words[0]?.includes("=") !== true) {
      const [name = "", ...others] = plainWords(instruction.rest);
      if (others.length === 0)
        this.#problem(instruction, `${instruction.keyword} ${name} has no value`);
      const value = instruction.rest.slice(instruction.rest.indexOf(name) + name.length).trim();
      const key = this.#expand(name, instruction);
      const text = this.#expand(value, instruction);
      if (key !== undefined && text !== undefined) pairs[key] = text;
      return pairs;
    }
    for (const word of words) {
      const { name, value } = splitAssignment(word);
      const key = this.#expand(name, instruction);
      if (value === undefined || key === undefined || key === "") {
        this.#problem(
          instruction,
          `"${word}" is not NAME=VALUE`,
          "put quotes around a value with spaces",
        );
        continue;
      }
      const text = this.#expand(value, instruction);
      if (text !== undefined) pairs[key] = text;
    }
    return pairs;
  }

  #arg(instruction: Instruction): void {
    for (const word of quotedWords(instruction.rest, this.#file.escape)) {
      const { name, value } = splitAssignment(word);
      const given = own(this.#options.args, name);
      const text =
        given ??
        (value === undefined
          ? (own(this.#globals, name) ?? own(this.#options.platform, name))
          : this.#expand(value, instruction));
      if (text !== undefined) this.#args = withEntry(this.#args, name, text);
    }
  }

  #workdir(instruction: Instruction): void {
    this.#single(instruction, (text) => {
      const path = absolute(text, this.#state.workdir);
      this.#set({ workdir: path });
      if (path !== "/") this.#steps.push({ type: "workdir", instruction, path });
    });
  }

  #expose(instruction: Instruction): void {
    const ports = [...this.#state.ports];
    for (const word of this.#words(instruction)) {
      const found = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
      const from = Number(found?.[1] ?? 0);
      const to = Number(found?.[2] ?? from);
      if (from < 1 || to > 65_535 || from > to) {
        this.#problem(instruction, `"${word}" is not a port`);
        continue;
      }
      for (let port = from; port <= to; port++) {
        const text = `${port}/${found?.[3]?.toLowerCase() ?? "tcp"}`;
        if (!ports.includes(text)) ports.push(text);
      }
    }
    this.#set({ ports });
  }

  #argv({ exec, rest }: Instruction): readonly string[] {
    return exec ?? [...this.#state.shell, rest];
  }

  #run(instruction: Instruction): void {
    const { exec, heredocs, rest, flags } = instruction;
    const { env, user, workdir, shell } = this.#state;
    const [only] = heredocs;
    // The shell's standard input is what a heredoc is; alone it is the whole script.
    const isScript = heredocs.length === 1 && only !== undefined && rest === only.operator;
    const text = isScript
      ? only.text
      : heredocs.length === 0
        ? rest
        : `${rest}\n${heredocs.map((heredoc) => `${heredoc.text}${heredoc.name}\n`).join("")}`;
    if (isScript && text.startsWith("#!"))
      return this.#refuse(instruction, "A RUN with a script for another interpreter");
    const mounts: string[] = [];
    let network: string | undefined;
    for (const { name, value } of flags) {
      if (name === "mount") mounts.push(/(?:^|,)type=([^,]*)/.exec(value)?.[1] ?? "bind");
      else if (name === "network") network = value;
      else this.#refuse(instruction, `RUN --${name}`);
    }
    this.#steps.push({
      type: "run",
      instruction,
      command: exec === undefined ? { type: "shell", text, shell } : { type: "exec", argv: exec },
      env: { ...this.#args, ...env },
      ...(user !== undefined && { user }),
      ...(workdir !== undefined && { workdir }),
      ...(network !== undefined && { network }),
      mounts,
    });
  }

  #copy(instruction: Instruction): void {
    const { exec, rest, heredocs, flags, keyword } = instruction;
    const written = exec ?? plainWords(rest);
    const last = written.at(-1) ?? "";
    const operators = new Set(heredocs.map((heredoc) => heredoc.operator));
    const plain = written.slice(0, -1).filter((word) => !operators.has(word));
    if (written.length < 2)
      return this.#problem(instruction, `${keyword} wants a source and a destination`);
    const target = this.#expand(last, instruction);
    const sources = plain.map((word) => this.#expand(word, instruction));
    if (target === undefined || sources.includes(undefined)) return;
    const inline = heredocs.map(({ name, text, expand }) => ({
      name,
      text: expand ? (this.#expandText(text, instruction) ?? "") : text,
    }));
    const options: { from?: string; owner?: string; mode?: string } = {};
    for (const { name, value } of flags) {
      // A stage is named as it is: Docker replaces no variables here.
      if (name === "from") {
        options.from = value;
        continue;
      }
      const text = this.#expand(value, instruction);
      if (text === undefined) return;
      if (name === "chown") options.owner = text;
      else if (name === "chmod") options.mode = text;
      // Only how layers are cached in BuildKit.
      else if (name === "link") continue;
      else this.#refuse(instruction, `${keyword} --${name}`);
    }
    if (options.mode !== undefined && !/^[0-7]{3,4}$/.test(options.mode))
      return this.#refuse(instruction, `--chmod=${options.mode}`, "wanted octal digits");
    const several = sources.length + inline.length > 1;
    const isDirectory = several || /(^|\/)\.?$/.test(target);
    const path = absolute(target, this.#state.workdir);
    this.#steps.push({
      type: "copy",
      instruction,
      isAdd: keyword === "ADD",
      ...options,
      sources: sources as string[],
      inline,
      destination: isDirectory && path !== "/" ? `${path}/` : path,
    });
  }

  #expandText(text: string, instruction: Instruction): string | undefined {
    return attempt(
      () => expandText(text, this.#lookup, this.#file.escape),
      instruction,
      this.#problems,
    );
  }
}
