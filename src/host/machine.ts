/** This machine: what reports say of it, and its processors. */
import { readFileSync } from "node:fs";
import { arch, cpus, release, type } from "node:os";
import { invariant } from "../model/invariant.js";

export interface Machine {
  /** The processor's model. */
  readonly cpu: string;
  readonly cores: number;
  /** `Linux 6.1.0-18-amd64`. */
  readonly kernel: string;
  /** `x64`, as Node spells it. */
  readonly arch: string;
}

/** This machine. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    cores: processors.length,
    kernel: `${type()} ${release()}`,
    arch: arch(),
  };
}

/**
 * The numbers of the processors that this process may run on: in a container, rarely all, and not
 * always from 0.
 */
export function allowedProcessors(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  invariant(list !== undefined, "/proc/self/status has no Cpus_allowed_list");
  return parseProcessorList(list);
}

/** `0-2,5` as the kernel writes lists of processors: 0, 1, 2, 5. */
export function parseProcessorList(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
