/**
 * The configuration of an image: ports, volumes, environment, signals.
 */
import type { Budget, ImageConfig } from "../model/node.js";
import type { BodyReader } from "./body.js";
import { isImagePath } from "./paths.js";
import { SIGNALS } from "./schema-blocks.js";
import type { Session } from "./session.js";
import { didYouMean } from "./types.js";

/** The configuration that the image's own attributes make; undefined after a reported fault. */
export function lowerConfig(reader: BodyReader, session: Session): ImageConfig | undefined {
  const { findings } = session;
  let failed = false;
  const ports: string[] = [];
  for (const item of reader.items("ports")) {
    const text =
      item.type === "int"
        ? `${item.value}/tcp`
        : item.type === "str"
          ? item.text.includes("/")
            ? item.text
            : `${item.text}/tcp`
          : "";
    const match = /^(\d{1,5})\/(tcp|udp|sctp)$/.exec(text);
    const number = Number(match?.[1] ?? 0);
    if (match !== null && number > 0 && number < 65_536) {
      if (!ports.includes(text)) ports.push(text);
      continue;
    }
    findings.error("KM0227", item.at, `${text === "" ? "The port" : `"${text}"`} is not a port`, {
      help: 'write 8080 or "53/udp"',
    });
    failed = true;
  }
  const volumes = checkedPaths(reader, "volumes", session);
  const workdirValue = reader.value("workdir");
  const workdir = workdirValue?.type === "str" ? workdirValue.text : undefined;
  if (
    workdir !== undefined &&
    !isImagePath(workdir, workdirValue?.at ?? reader.at("workdir"), session, true)
  )
    failed = true;
  const env = readEnvironment(reader);
  const signalValue = reader.value("stop_signal");
  const stopSignal = signalValue?.type === "str" ? signalValue.text : undefined;
  if (stopSignal !== undefined && signalValue !== undefined && !isSignal(stopSignal)) {
    const near = didYouMean(
      stopSignal,
      SIGNALS.map((name) => `SIG${name}`),
    );
    findings.error("KM0227", signalValue.at, `"${stopSignal}" is not a signal`, {
      help: near.help ?? 'write "SIGTERM"',
    });
    failed = true;
  }
  const entrypoint = reader.texts("entrypoint");
  const cmd = reader.texts("cmd");
  const labels = reader.textMap("labels");
  if (failed || env === undefined || volumes === undefined) return undefined;
  return {
    entrypoint,
    cmd,
    env,
    labels,
    ports,
    volumes,
    ...(workdir !== undefined && { workdir }),
    ...(stopSignal !== undefined && { stopSignal }),
  };
}

function isSignal(text: string): boolean {
  return (
    SIGNALS.some((name) => text === `SIG${name}`) ||
    /^SIGRTMIN(\+\d{1,2})?$/.test(text) ||
    /^([1-9]|[1-5]\d|6[0-4])$/.test(text)
  );
}

function checkedPaths(
  reader: BodyReader,
  name: string,
  session: Session,
): readonly string[] | undefined {
  const paths: string[] = [];
  let failed = false;
  for (const item of reader.items(name)) {
    if (item.type === "str" && isImagePath(item.text, item.at, session)) paths.push(item.text);
    else failed = true;
  }
  return failed ? undefined : paths;
}

/** The variables of an `env` attribute; undefined after a reported fault. */
export function readEnvironment(reader: BodyReader): Record<string, string> | undefined {
  let failed = false;
  for (const [name, value] of reader.map("env")) {
    if (/^[^=\u0000-\u001f]+$/.test(name)) continue;
    reader.session.findings.error(
      "KM0227",
      value.at,
      `"${name}" is not the name of an environment variable`,
      { help: "use letters, digits and _" },
    );
    failed = true;
  }
  return failed ? undefined : reader.textMap("env");
}

/** The limits of a `budget` block. */
export function readBudget(reader: BodyReader): Budget | undefined {
  const block = reader.block("budget");
  if (block === undefined) return undefined;
  const fields = reader.inside(block);
  const sizeBytes = fields.number("size");
  const emulatedMs = fields.number("emulated");
  if (fields.failed) reader.failed = true;
  return {
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(emulatedMs !== undefined && { emulatedMs }),
  };
}
