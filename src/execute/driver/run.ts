/**
 * Runs a test: starts its services, waits until they are ready, takes its steps in order and says
 * what did not come as expected. Part of the test driver.
 */
import { setTimeout as delay } from "node:timers/promises";
import { assertNever } from "../../model/invariant.js";
import type { Readiness } from "../../model/node.js";
import { askDns } from "./dns.js";
import { askHttp, listensOn } from "./probes.js";
import { startProgram, type Running } from "./programs.js";
import { crashSignal } from "./crash.js";
import type { DriverSpec, ServiceSpec, StepSpec, Verdict } from "./protocol.js";

const POLL_MS = 20;
const TAIL_LINES = 40;

/** What was wrong with a step; `program` is the one whose crash would explain it. */
interface Fault {
  readonly expected: string;
  readonly actual: string;
  readonly program?: Running;
}

/** The whole test. Programs that still run afterwards are left to the end of the namespace. */
export async function runTestSpec(spec: DriverSpec): Promise<Verdict> {
  const deadline = performance.now() + spec.timeoutMs;
  const services = new Map<string, Running>();
  let current = "";
  const work = async (): Promise<Verdict> => {
    for (const service of spec.services) {
      current = `service ${service.name}`;
      const running = startProgram(service.program, spec);
      services.set(service.name, running);
      const fault = await untilReady(service, running);
      if (fault !== undefined) return verdict(current, fault, services, spec);
    }
    for (const step of spec.steps) {
      current = step.name;
      const fault = await takeStep(step, services, spec, deadline - performance.now());
      if (fault !== undefined) return verdict(current, fault, services, spec);
    }
    return { type: "passed" };
  };
  const timeout = new AbortController();
  const result = await Promise.race([
    work(),
    delay(spec.timeoutMs, undefined, { signal: timeout.signal }).then((): Verdict => ({
      type: "timeout",
      step: current,
      output: serviceOutputs(services, false),
    })),
  ]);
  timeout.abort();
  return result;
}

function verdict(
  step: string,
  fault: Fault,
  services: ReadonlyMap<string, Running>,
  spec: DriverSpec,
): Verdict {
  if (spec.emulator !== undefined) {
    for (const program of [fault.program, ...services.values()]) {
      const signal = program === undefined ? undefined : crashSignal(program.output, program.code);
      if (program !== undefined && signal !== undefined) {
        return { type: "crashed", step, signal, output: tail(program.output) };
      }
    }
  }
  const ended = serviceOutputs(services, true);
  return {
    type: "failed",
    step,
    expected: fault.expected,
    actual: ended === "" ? fault.actual : `${fault.actual}\n${ended}`,
  };
}

/** The last words of services: of all, or only of those that have ended. */
function serviceOutputs(services: ReadonlyMap<string, Running>, onlyEnded: boolean): string {
  return [...services]
    .filter(([, running]) => !onlyEnded || running.code !== undefined)
    .map(
      ([name, { code, output }]) =>
        `service ${name} ${code === undefined ? "runs" : `ended with exit ${String(code)}`}:\n${tail(output)}`,
    )
    .join("\n");
}

async function untilReady(service: ServiceSpec, running: Running): Promise<Fault | undefined> {
  for (;;) {
    const answered = await isReady(service.ready, running);
    // A service that ended cannot be the one that answered.
    if (running.code !== undefined) {
      return {
        expected: `ready: ${readinessText(service.ready)}`,
        actual: `ended with exit ${String(running.code)}`,
        program: running,
      };
    }
    if (answered) return undefined;
    await delay(POLL_MS);
  }
}

async function isReady(ready: Readiness, running: Running): Promise<boolean> {
  switch (ready.type) {
    case "started":
      return true;
    case "log":
      return new RegExp(ready.pattern, "m").test(running.output);
    case "tcp":
      return listensOn(ready.port);
    case "http":
      return askHttp(ready.url, { method: "GET", timeoutMs: 5_000 }).then(
        (answer) => answer.status >= 200 && answer.status < 400,
        () => false,
      );
    default:
      return assertNever(ready);
  }
}

function readinessText(ready: Readiness): string {
  switch (ready.type) {
    case "started":
      return "started";
    case "log":
      return `its log matches /${ready.pattern}/`;
    case "tcp":
      return `it listens on port ${String(ready.port)}`;
    case "http":
      return `${ready.url} answers`;
    default:
      return assertNever(ready);
  }
}

async function takeStep(
  step: StepSpec,
  services: ReadonlyMap<string, Running>,
  spec: DriverSpec,
  leftMs: number,
): Promise<Fault | undefined> {
  switch (step.type) {
    case "command": {
      if (step.program === undefined) return { expected: "a command", actual: "none" };
      const running = startProgram(step.program, spec);
      return endFault(running, await running.exited, step.exit, step.expect);
    }
    case "http": {
      const { method, url, status } = step;
      const body = step.body === undefined ? {} : { body: step.body };
      try {
        const answer = await askHttp(url, { method, ...body, timeoutMs: leftMs });
        if (answer.status !== status) {
          return {
            expected: `status ${String(status)}`,
            actual: `status ${String(answer.status)}\n${tail(answer.body)}`,
          };
        }
        return matchFault(answer.body, step.expect);
      } catch (error) {
        return { expected: `status ${String(status)}`, actual: (error as Error).message };
      }
    }
    case "dns": {
      try {
        const answer = await askDns(step.question, step.record, step.server, leftMs);
        const text = [answer.code, ...answer.records].join("\n");
        if (step.expect !== undefined) return matchFault(text, step.expect);
        const answers = answer.code === "NOERROR" && answer.records.length > 0;
        return answers ? undefined : { expected: `a ${step.record} record`, actual: text };
      } catch (error) {
        return { expected: "an answer", actual: (error as Error).message };
      }
    }
    case "signal": {
      const running = services.get(step.service);
      if (running === undefined) {
        return { expected: `a service "${step.service}"`, actual: "no such service" };
      }
      if (running.code !== undefined) {
        return {
          expected: "the service runs",
          actual: `it ended with exit ${String(running.code)}`,
          program: running,
        };
      }
      running.signal(`SIG${step.signal.replace(/^SIG/, "")}` as NodeJS.Signals);
      return endFault(running, await running.exited, step.exit, step.expect);
    }
    default:
      return assertNever(step);
  }
}

function endFault(
  running: Running,
  code: number,
  exit: number,
  pattern: string | undefined,
): Fault | undefined {
  if (code !== exit) {
    return {
      expected: `exit ${String(exit)}`,
      actual: `exit ${String(code)}\n${tail(running.output)}`,
      program: running,
    };
  }
  const fault = matchFault(running.output, pattern);
  return fault === undefined ? undefined : { ...fault, program: running };
}

function matchFault(text: string, pattern: string | undefined): Fault | undefined {
  if (pattern === undefined || new RegExp(pattern, "m").test(text)) return undefined;
  return { expected: `/${pattern}/`, actual: tail(text) };
}

function tail(text: string): string {
  return text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
}
