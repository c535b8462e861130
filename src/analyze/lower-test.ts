/**
 * Tests of components and images: files, services and steps.
 */
import type { Location } from "../../grammar/index.js";
import type { Address, Readiness, TestDefinition, TestService, TestStep } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { Needs } from "./emit.js";
import { lowerFiles } from "./lower-files.js";
import { Slugs } from "./labels.js";
import { readEnvironment } from "./lower-config.js";
import { readCell, type Lowering } from "./lowering.js";
import type { CellSet } from "./matrix.js";
import { STEP_ACTIONS } from "./schema-blocks.js";
import type { Cell, Session } from "./session.js";
import { didYouMean } from "./types.js";

const DEFAULT_TIMEOUT_MS = 60_000;
const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Emits a node for every test of the cell. */
export function lowerTests(cell: Cell, set: CellSet, lowering: Lowering): void {
  const { session, emitter } = lowering;
  const reader = readCell(cell, set, session);
  const slugs = new Slugs(session);
  const addresses: Address[] = [];
  for (const block of reader.blocks("test")) {
    const slug = slugs.take(block);
    if (slug === undefined) continue;
    const label = block.label?.text ?? "";
    const needs = new Needs();
    needs.add(cell.address, block.at);
    const definition = lowerTest(reader.inside(block), block.at, label, needs, lowering);
    if (definition === undefined) continue;
    const address = `${cell.address}/test:${slug}`;
    emitter.emit(address, definition, needs, block.at, undefined);
    addresses.push(address);
  }
  lowering.tests.set(cell, addresses);
}

function lowerTest(
  reader: BodyReader,
  at: Location,
  label: string,
  needs: Needs,
  lowering: Lowering,
): TestDefinition | undefined {
  const { session, cell } = reader;
  const platform = cell.target?.platform;
  const timeoutMs = reader.number("timeout") ?? DEFAULT_TIMEOUT_MS;
  if (reader.has("timeout") && !reader.failed && (timeoutMs <= 0 || timeoutMs > 86_400_000))
    session.findings.error(
      "KM0227",
      reader.at("timeout"),
      `"timeout" is ${timeoutMs}ms, wanted 1ms to 24h`,
    );
  const env = readEnvironment(reader);
  const files = lowerFiles(reader, new Map(), needs, lowering);
  const serviceBlocks = reader.body.blocks.filter((block) => block.keyword === "service");
  const names = serviceBlocks.flatMap((block) =>
    block.label === undefined ? [] : [block.label.text],
  );
  const services = all(
    reader.blocks("service").map((block) => lowerService(reader.inside(block), block.label?.text)),
  );
  const stepBlocks = reader.blocks("step");
  const direct = reader.has("cmd");
  const declared = reader.body.blocks.filter((block) => block.keyword === "step").length;
  if (direct === declared > 0) {
    session.findings.error(
      "KM0343",
      at,
      direct
        ? `Test "${label}" has both "cmd" and steps`
        : `Test "${label}" has neither "cmd" nor steps`,
      {
        help: direct ? "make the command a step of its own" : 'add: step "…" { cmd = […] }',
      },
    );
    return undefined;
  }
  const steps = direct
    ? all([lowerStep(reader, label, names)])
    : all(
        stepBlocks.map((block) => lowerStep(reader.inside(block), block.label?.text ?? "", names)),
      );
  if (
    reader.failed ||
    env === undefined ||
    files === undefined ||
    services === undefined ||
    steps === undefined ||
    platform === undefined
  )
    return undefined;
  return { kind: "test", subject: cell.address, files, services, steps, env, timeoutMs, platform };
}

function all<T>(values: readonly (T | undefined)[]): readonly T[] | undefined {
  return values.includes(undefined) ? undefined : (values as readonly T[]);
}

function lowerService(reader: BodyReader, name: string | undefined): TestService | undefined {
  const env = readEnvironment(reader);
  const cmd = reader.texts("cmd");
  const value = reader.value("ready");
  const ready: Readiness = value?.type === "readiness" ? value.ready : { type: "started" };
  let sound = true;
  if (value !== undefined && ready.type === "http")
    sound = isLoopbackUrl(ready.url, value.at, reader.session);
  if (value !== undefined && ready.type === "tcp" && !(ready.port > 0 && ready.port < 65_536)) {
    reader.session.findings.error("KM0227", value.at, `${ready.port} is not a port`, {
      help: "write tcp(8080)",
    });
    sound = false;
  }
  if (reader.has("cmd") && !isCommand(reader)) sound = false;
  if (!sound || reader.failed || env === undefined || name === undefined) return undefined;
  return { name, ...(reader.has("cmd") && { cmd }), env, ready };
}

function lowerStep(
  reader: BodyReader,
  name: string,
  services: readonly string[],
): TestStep | undefined {
  const action = STEP_ACTIONS.filter((candidate) => reader.has(candidate));
  // None or several: the schema check has said so.
  if (action.length !== 1) return undefined;
  const expect = reader.text("expect");
  const common = { name, ...(expect !== undefined && { expect }) };
  let step: TestStep | undefined;
  switch (action[0]) {
    case "cmd":
      step = commandStep(reader, common);
      break;
    case "http":
      step = httpStep(reader, common);
      break;
    case "dns":
      step = dnsStep(reader, common);
      break;
    default:
      step = signalStep(reader, common, services);
  }
  return reader.failed ? undefined : step;
}

interface Common {
  readonly name: string;
  readonly expect?: string;
}

function commandStep(reader: BodyReader, common: Common): TestStep | undefined {
  // `env` of a test that is its own step is the test's.
  const env = readEnvironment(reader);
  const exit = exitCode(reader);
  if (!isCommand(reader) || env === undefined || exit === undefined) return undefined;
  return { ...common, type: "command", cmd: reader.texts("cmd"), env, exit };
}

function isCommand(reader: BodyReader): boolean {
  const argv = reader.texts("cmd");
  if (reader.failed) return false;
  if (argv.length > 0 && argv[0] !== "") return true;
  reader.session.findings.error("KM0227", reader.at("cmd"), '"cmd" is empty', {
    help: 'write ["/path/of/program", "argument"]',
  });
  return false;
}

function exitCode(reader: BodyReader): number | undefined {
  const exit = reader.number("exit") ?? 0;
  if (Number.isInteger(exit) && exit >= 0 && exit <= 255) return exit;
  reader.session.findings.error("KM0227", reader.at("exit"), `"exit" is ${exit}, wanted 0 to 255`);
  return undefined;
}

function httpStep(reader: BodyReader, common: Common): TestStep | undefined {
  const { findings } = reader.session;
  const url = reader.value("http");
  const method = reader.text("method") ?? "GET";
  const body = reader.text("body");
  const status = reader.number("status") ?? 200;
  let sound = url?.type === "str" && isLoopbackUrl(url.text, url.at, reader.session);
  if (!METHODS.includes(method)) {
    findings.error("KM0227", reader.at("method"), `"${method}" is not a request method`, {
      help: didYouMean(method, METHODS).help ?? `write one of ${METHODS.join(", ")}`,
    });
    sound = false;
  }
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    findings.error("KM0227", reader.at("status"), `"status" is ${status}, wanted 100 to 599`);
    sound = false;
  }
  if (!sound || url?.type !== "str") return undefined;
  return {
    ...common,
    type: "http",
    url: url.text,
    method,
    ...(body !== undefined && { body }),
    status,
  };
}

function dnsStep(reader: BodyReader, common: Common): TestStep | undefined {
  const question = reader.text("dns");
  const record = (reader.text("record") ?? "A") as "A" | "AAAA" | "TXT" | "CNAME" | "SRV";
  const server = reader.value("server");
  if (server?.type !== "str" || question === undefined) return undefined;
  const match = /^(127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{1,5})$/.exec(server.text);
  const port = Number(match?.[2] ?? 0);
  if (match === null || port < 1 || port > 65_535) {
    const wild = /^[^:]*$/.test(server.text);
    reader.session.findings.error(
      "KM0341",
      server.at,
      `DNS server "${server.text}" is not a loopback address and port`,
      {
        help: wild ? `write "127.0.0.1:53"` : 'write "127.0.0.1:1053": tests have no other network',
      },
    );
    return undefined;
  }
  return { ...common, type: "dns", question, record, server: server.text };
}

function signalStep(
  reader: BodyReader,
  common: Common,
  services: readonly string[],
): TestStep | undefined {
  const { findings } = reader.session;
  const signal = reader.text("signal");
  const exit = exitCode(reader);
  const value = reader.value("service");
  const service =
    value?.type === "str" ? value.text : services.length === 1 ? services[0] : undefined;
  if (reader.failed || signal === undefined || exit === undefined) return undefined;
  if (service === undefined || !services.includes(service)) {
    const at = value?.at ?? reader.at("signal");
    findings.error(
      "KM0342",
      at,
      service === undefined
        ? `"signal" names no service of the test's ${services.length}`
        : `Unknown service "${service}"`,
      {
        help:
          didYouMean(service ?? "", services).help ??
          (services.length === 0 ? 'add: service "…" { }' : `write service = "${services[0]}"`),
      },
    );
    return undefined;
  }
  return { ...common, type: "signal", service, signal: `SIG${signal}`, exit };
}

function isLoopbackUrl(text: string, at: Location, session: Session): boolean {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Not a URL at all: reported below like one that leads elsewhere.
  }
  const help = 'write "http://127.0.0.1:8080/path": tests have no other network';
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    session.findings.error("KM0341", at, `"${text}" is not an http URL`, { help });
    return false;
  }
  const isLoopback = ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  // `http://127.0.0.1@example.org/` and friends: the host is what follows.
  if (isLoopback && url.username === "" && url.password === "") return true;
  session.findings.error("KM0341", at, `"${text}" is not on the loopback interface`, { help });
  return false;
}
