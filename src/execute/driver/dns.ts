/**
 * One DNS question over UDP and the answer as text. RFC 1035; RFC 3596 for AAAA, RFC 2782 for SRV.
 * Part of the test driver.
 */
import { createSocket } from "node:dgram";

const TYPES = { A: 1, CNAME: 5, TXT: 16, AAAA: 28, SRV: 33 } as const;
const CODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const RESEND_MS = 1_000;

export type RecordType = keyof typeof TYPES;

/** `NOERROR` or another response code, then a line `TYPE data` for each answer. */
export interface DnsAnswer {
  readonly code: string;
  readonly records: readonly string[];
}

/** Asks `server` (`127.0.0.1:53`), again every second, until it answers or `timeoutMs` are over. */
export function askDns(
  question: string,
  record: RecordType,
  server: string,
  timeoutMs: number,
): Promise<DnsAnswer> {
  const colon = server.lastIndexOf(":");
  const host = server.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(server.slice(colon + 1));
  const id = 0x6b6d;
  const query = encodeQuery(id, question, record);
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const send = (): void => socket.send(query, port, host);
    const resend = setInterval(send, RESEND_MS);
    const done = (settle: () => void): void => {
      clearInterval(resend);
      clearTimeout(limit);
      socket.close();
      settle();
    };
    const limit = setTimeout(
      () => done(() => reject(new Error(`no answer from ${server}`))),
      timeoutMs,
    );
    socket.on("message", (message) => {
      if (message.byteLength < 12 || message.readUInt16BE(0) !== id) return;
      done(() => {
        try {
          resolve(decodeAnswer(message));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    socket.on("error", (error) => done(() => reject(error)));
    send();
  });
}

/** A query with recursion desired. */
export function encodeQuery(id: number, question: string, record: RecordType): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const labels = question
    .replace(/\.$/, "")
    .split(".")
    .filter((label) => label !== "")
    .map((label) => Buffer.concat([Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)]));
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(TYPES[record], 1);
  tail.writeUInt16BE(1, 3);
  return Buffer.concat([header, ...labels, tail]);
}

/** @throws RangeError for a message that is cut short */
export function decodeAnswer(message: Buffer): DnsAnswer {
  const rcode = message.readUInt8(3) & 15;
  let at = 12;
  for (let left = message.readUInt16BE(4); left > 0; left--) at = readName(message, at).next + 4;
  const records: string[] = [];
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    at = readName(message, at).next;
    const type = message.readUInt16BE(at);
    const length = message.readUInt16BE(at + 8);
    if (at + 10 + length > message.byteLength) throw new RangeError("a record that is cut short");
    records.push(recordText(message, type, at + 10, length));
    at += 10 + length;
  }
  return { code: CODES[rcode] ?? `RCODE${String(rcode)}`, records };
}

function recordText(message: Buffer, type: number, at: number, length: number): string {
  const data = message.subarray(at, at + length);
  switch (type) {
    case TYPES.A:
      return `A ${[...data].join(".")}`;
    case TYPES.AAAA:
      return `AAAA ${ipv6Text(data)}`;
    case TYPES.CNAME:
      return `CNAME ${readName(message, at).name}`;
    case TYPES.TXT: {
      let text = "";
      for (let offset = 0; offset < length; offset += 1 + (data[offset] ?? 0)) {
        text += data.toString("utf8", offset + 1, offset + 1 + (data[offset] ?? 0));
      }
      return `TXT ${text}`;
    }
    case TYPES.SRV: {
      const numbers = [0, 2, 4].map((offset) => String(data.readUInt16BE(offset)));
      return `SRV ${numbers.join(" ")} ${readName(message, at + 6).name}`;
    }
    default:
      return `TYPE${String(type)} ${data.toString("hex")}`;
  }
}

/** RFC 5952: the first longest run of at least two zero groups becomes `::`. */
function ipv6Text(data: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => data.readUInt16BE(index * 2).toString(16));
  const runs = [...groups.join(":").matchAll(/\b0(?::0)+\b/g)].sort(
    (a, b) => b[0].length - a[0].length,
  );
  const run = runs[0];
  if (run === undefined) return groups.join(":");
  const text = groups.join(":");
  return `${text.slice(0, run.index).replace(/:$/, "")}::${text.slice(run.index + run[0].length).replace(/^:/, "")}`;
}

function readName(
  message: Buffer,
  start: number,
): { readonly name: string; readonly next: number } {
  const labels: string[] = [];
  let at = start;
  let next: number | undefined;
  for (let steps = 0; steps < 128; steps++) {
    const length = message.readUInt8(at);
    if (length === 0) return { name: labels.join("."), next: next ?? at + 1 };
    if ((length & 0xc0) === 0xc0) {
      next ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      continue;
    }
    labels.push(message.toString("utf8", at + 1, at + 1 + length));
    at += 1 + length;
  }
  throw new RangeError("a name that refers to itself");
}
