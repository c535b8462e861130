/**
 * Requests that the driver makes of the image's services: TCP connections and HTTP. Part of the
 * test driver; everything stays inside its network namespace.
 */
import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { connect } from "node:net";

const MAX_BODY = 4 * 1024 * 1024;

/** Whether something listens on the port of this namespace, on IPv4 or IPv6. */
export async function listensOn(port: number): Promise<boolean> {
  return (await canConnect("127.0.0.1", port)) || (await canConnect("::1", port));
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
    socket.once("timeout", () => done(false));
  });
}

/**
 * Status and body of one HTTP request. Certificates are not checked: programs sign their own, and
 * nothing but this namespace can answer.
 * @throws Error when there is no answer
 */
export function askHttp(
  url: string,
  options: { readonly method: string; readonly body?: string; readonly timeoutMs: number },
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const secure = url.startsWith("https:");
    const sent = (secure ? requestSecure : requestPlain)(
      url,
      {
        method: options.method,
        timeout: options.timeoutMs,
        agent: false,
        ...(secure && { rejectUnauthorized: false }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.byteLength;
          if (size > MAX_BODY) sent.destroy(new Error("the body is larger than 4 MiB"));
          else chunks.push(chunk);
        });
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            body: Buffer.concat(chunks).toString("utf8"),
          }),
        );
        response.on("error", reject);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(options.body);
  });
}
