/** The machine that a result was made on, for reports. */
import { arch, cpus, release, type } from "node:os";

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
