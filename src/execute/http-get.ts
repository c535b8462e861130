/**
 * Downloads over HTTP for pinned archives: few redirects, never from https to http, through the
 * proxy that the user's environment names. The body's digest is the caller's affair.
 */
import { get as httpGetRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { get as httpsGetRequest } from "node:https";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import type { Socket } from "node:net";
import { connect as tlsConnect, rootCertificates } from "node:tls";
import { NodeFailure } from "../model/failure.js";

const MAX_REDIRECTS = 5;
/** Without a byte for this long, the server is given up. */
const STALL_MS = 60_000;

export interface HttpOptions {
  readonly signal: AbortSignal;
  /** Proxies are read from here. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The body of `url`. @throws NodeFailure `network` */
export async function httpGet(url: string, options: HttpOptions): Promise<Readable> {
  let at = new URL(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await requestOnce(at, options).catch((error: unknown) => {
      if (options.signal.aborted) throw new NodeFailure({ type: "interrupted" });
      throw networkFailure(url, (error as Error).message);
    });
    const status = response.statusCode ?? 0;
    const { location } = response.headers;
    if (status >= 300 && status < 400 && location !== undefined) {
      response.resume();
      const next = new URL(location, at);
      if (at.protocol === "https:" && next.protocol !== "https:") {
        throw networkFailure(url, `redirected from https to "${next.protocol}"`);
      }
      at = next;
      continue;
    }
    if (status !== 200) {
      response.resume();
      throw networkFailure(
        url,
        `the server answered ${String(status)} ${response.statusMessage ?? ""}`.trim(),
      );
    }
    return response;
  }
  throw networkFailure(url, `more than ${String(MAX_REDIRECTS)} redirects`);
}

async function requestOnce(url: URL, options: HttpOptions): Promise<IncomingMessage> {
  const { signal } = options;
  const proxy = proxyFor(url, options.environment);
  if (url.protocol === "http:") {
    return answer((done) =>
      proxy === undefined
        ? httpGetRequest(url, { signal }, done)
        : httpGetRequest(
            {
              host: proxy.hostname,
              port: proxy.port,
              path: url.href,
              headers: { host: url.host },
              signal,
            },
            done,
          ),
    );
  }
  if (url.protocol !== "https:") throw new Error(`cannot fetch "${url.protocol}" URLs`);
  const ca = authorities(options.environment);
  if (proxy === undefined) return answer((done) => httpsGetRequest(url, { signal, ...ca }, done));
  const tunnel = await openTunnel(proxy, url, signal);
  return answer((done) =>
    httpsGetRequest(
      url,
      {
        signal,
        agent: false,
        createConnection: () => tlsConnect({ socket: tunnel, servername: url.hostname, ...ca }),
      },
      done,
    ),
  );
}

/** Node's own certificates and those that the user's environment adds for Node. */
function authorities(environment: Readonly<Record<string, string>>): { readonly ca?: string[] } {
  // The shim puts Node's variable aside, because it slows every start down.
  const file = environment["KMIPS_EXTRA_CA_CERTS"] ?? environment["NODE_EXTRA_CA_CERTS"];
  if (file === undefined || file === "") return {};
  return { ca: [...rootCertificates, readFileSync(file, "utf8")] };
}

function answer(
  start: (done: (response: IncomingMessage) => void) => ReturnType<typeof httpGetRequest>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = start(resolve);
    request.on("error", reject);
    request.setTimeout(STALL_MS, () => request.destroy(new Error("the server stalled")));
  });
}

function openTunnel(proxy: URL, target: URL, signal: AbortSignal): Promise<Socket> {
  const port = target.port === "" ? "443" : target.port;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: proxy.hostname,
      port: proxy.port,
      method: "CONNECT",
      path: `${target.hostname}:${port}`,
      signal,
    });
    request.once("connect", (response, socket) => {
      if (response.statusCode === 200) resolve(socket);
      else reject(new Error(`the proxy answered ${String(response.statusCode)}`));
    });
    request.once("error", reject);
    request.end();
  });
}

/** The proxy for a URL by the usual variables; small letters win, as in curl. */
export function proxyFor(url: URL, environment: Readonly<Record<string, string>>): URL | undefined {
  const read = (name: string): string | undefined =>
    environment[name] ?? environment[name.toUpperCase()];
  const direct = (read("no_proxy") ?? "")
    .split(",")
    .map((host) => host.trim().replace(/^\*?\./, ""));
  if (
    direct.some(
      (host) =>
        host === "*" ||
        (host !== "" && (url.hostname === host || url.hostname.endsWith(`.${host}`))),
    )
  ) {
    return undefined;
  }
  const value = url.protocol === "https:" ? read("https_proxy") : environment["http_proxy"];
  if (value === undefined || value === "") return undefined;
  return new URL(value.includes("://") ? value : `http://${value}`);
}

function networkFailure(url: string, said: string): NodeFailure {
  return new NodeFailure({ type: "network", what: url, excerpt: said });
}
