import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { askDns, decodeAnswer, encodeQuery } from "../../src/execute/driver/dns.js";
import { askHttp, listensOn } from "../../src/execute/driver/probes.js";
import { insideRoot } from "../../src/execute/driver/programs.js";

/** An answer message: the question of `query`, then records whose name points at it. */
function answerTo(
  query: Buffer,
  code: number,
  records: readonly (readonly [type: number, data: Buffer])[],
): Buffer {
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(records.length, 6);
  const bodies = records.map(([type, data]) => {
    const fixed = Buffer.alloc(12);
    fixed.writeUInt16BE(0xc00c, 0);
    fixed.writeUInt16BE(type, 2);
    fixed.writeUInt16BE(1, 4);
    fixed.writeUInt32BE(60, 6);
    fixed.writeUInt16BE(data.byteLength, 10);
    return Buffer.concat([fixed, data]);
  });
  return Buffer.concat([head, query.subarray(12), ...bodies]);
}

describe("encodeQuery()", () => {
  it("writes labels, type and class", () => {
    expect(encodeQuery(1, "a.example.", "AAAA").toString("hex")).toBe(
      "000101000001000000000000" + "0161" + "076578616d706c65" + "00" + "001c" + "0001",
    );
  });
});

describe("decodeAnswer()", () => {
  const query = encodeQuery(1, "a.example", "A");
  it("reads every record type", () => {
    const message = answerTo(query, 0, [
      [1, Buffer.from([10, 0, 0, 1])],
      [28, Buffer.from("20010db8000000000000000000000001", "hex")],
      [28, Buffer.from("00000000000000000000000000000001", "hex")],
      [16, Buffer.from("\u0003one\u0004 two", "latin1")],
      [5, Buffer.from([0xc0, 0x0c])],
      [33, Buffer.concat([Buffer.from([0, 1, 0, 2, 0x1f, 0x90]), Buffer.from([0xc0, 0x0c])])],
      [99, Buffer.from([0xab])],
    ]);
    expect(decodeAnswer(message)).toEqual({
      code: "NOERROR",
      records: [
        "A 10.0.0.1",
        "AAAA 2001:db8::1",
        "AAAA ::1",
        "TXT one two",
        "CNAME a.example",
        "SRV 1 2 8080 a.example",
        "TYPE99 ab",
      ],
    });
  });

  it("names response codes and refuses what is cut short or circular", () => {
    expect(decodeAnswer(answerTo(query, 3, []))).toEqual({ code: "NXDOMAIN", records: [] });
    expect(() => decodeAnswer(answerTo(query, 0, [[1, Buffer.alloc(4)]]).subarray(0, 40))).toThrow(
      RangeError,
    );
    const circle = answerTo(query, 0, [[5, Buffer.from([0xc0, 0x27])]]);
    expect(() => decodeAnswer(circle)).toThrow(RangeError);
  });
});

describe("askDns()", () => {
  it("asks a server by UDP", async () => {
    const server = createSocket("udp4");
    server.on("message", (query, from) =>
      server.send(answerTo(query, 0, [[1, Buffer.from([10, 0, 0, 7])]]), from.port),
    );
    await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
    const answer = await askDns(
      "seven.test",
      "A",
      `127.0.0.1:${String(server.address().port)}`,
      5_000,
    );
    server.close();
    expect(answer.records).toEqual(["A 10.0.0.7"]);
  });
});

describe("askHttp() and listensOn()", () => {
  it("tell status and body, and whether anyone listens", async () => {
    const server = createServer((request, response) => {
      request.on("data", (chunk: Buffer) =>
        response.writeHead(201).end(`${String(request.method)} ${chunk.toString()}`),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${String(port)}/`;
    expect(await askHttp(url, { method: "POST", body: "x", timeoutMs: 5_000 })).toEqual({
      status: 201,
      body: "POST x",
    });
    expect(await listensOn(port)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(await listensOn(port)).toBe(false);
    await expect(askHttp(url, { method: "GET", timeoutMs: 5_000 })).rejects.toThrow("ECONNREFUSED");
  });
});

describe("askHttp() of a server that signed its own certificate", () => {
  it("takes the answer", async () => {
    const directory = mkdtempSync(join(tmpdir(), "kmips-tls-"));
    const [key, cert] = [join(directory, "key"), join(directory, "cert")];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kmips", "-days", "1"].concat([
        "-keyout",
        key,
        "-out",
        cert,
      ]),
      { stdio: "ignore" },
    );
    const server = createSecureServer(
      { key: readFileSync(key), cert: readFileSync(cert) },
      (request, response) => response.end(request.url),
    );
    rmSync(directory, { recursive: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const url = `https://127.0.0.1:${String(port)}/healthz`;
    expect(await askHttp(url, { method: "GET", timeoutMs: 5_000 })).toEqual({
      status: 200,
      body: "/healthz",
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("insideRoot()", () => {
  it("follows links with the image as their root and never leaves it", () => {
    const root = mkdtempSync(join(tmpdir(), "kmips-root-"));
    mkdirSync(join(root, "real"));
    symlinkSync("/real", join(root, "absolute"));
    symlinkSync("../../../../etc", join(root, "out"));
    symlinkSync("loop", join(root, "loop"));
    expect(insideRoot("/absolute/x", root)).toBe(`${root}/real/x`);
    expect(insideRoot("/out/passwd", root)).toBe(`${root}/etc/passwd`);
    expect(insideRoot("/../../x", root)).toBe(`${root}/x`);
    expect(insideRoot("/loop", root)).toBeUndefined();
    rmSync(root, { recursive: true });
  });
});
