/** Requests to the servers of a control plane, over TLS that is checked against its own CA. */
import { readFileSync } from "node:fs";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { componentFailure } from "./component-failure.js";
import { apiEndpoint } from "./components.js";
import type { ControlPlaneLayout } from "./layout.js";

const MAX_BODY = 16 * 1024 * 1024;
/** An emulated server may take its time over one request, though not forever. */
const TIMEOUT_MS = 30_000;

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** What a client proves itself with, as PEM. */
export interface ClientIdentity {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The administrator's identity. */
export function adminIdentity(layout: ControlPlaneLayout): ClientIdentity {
  const { crt, key } = layout.certificate("admin");
  return {
    ca: readFileSync(layout.certificate("ca").crt),
    cert: readFileSync(crt),
    key: readFileSync(key),
  };
}

/** One request, with a connection of its own. @throws Error when there is no answer */
export function ask(
  url: string,
  identity: ClientIdentity,
  method: "GET" | "DELETE" = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method, timeout: TIMEOUT_MS, agent: false, headers: { connection: "close" } };
    const sent = url.startsWith("https:")
      ? requestHttps(url, { ...options, ...identity })
      : requestHttp(url, options);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.byteLength;
        if (size > MAX_BODY) sent.destroy(new Error("the answer is larger than 16 MiB"));
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end();
  });
}

/** Whether a server says that it is well; no answer is no. */
export async function isHealthy(url: string, identity: ClientIdentity): Promise<boolean> {
  return ask(url, identity).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** From it on no ServiceAccount has a Secret with a token: who needs one asks for it. */
const NO_TOKENS_SINCE = 24;

/**
 * Whether the `default` ServiceAccount of the namespace `default` is there, with its token where the
 * minor version of Kubernetes still makes one.
 */
export async function hasDefaultServiceAccount(
  port: number,
  identity: ClientIdentity,
  minor: number,
): Promise<boolean> {
  const path = "/api/v1/namespaces/default/serviceaccounts/default";
  try {
    const { status, body } = await ask(`${apiEndpoint(port)}${path}`, identity);
    if (status !== 200) return false;
    const account = JSON.parse(body) as { secrets?: readonly unknown[] };
    return minor >= NO_TOKENS_SINCE || (account.secrets?.length ?? 0) > 0;
  } catch {
    return false;
  }
}

/**
 * Asks for the end of every namespace that cut specs left, and does not wait for it.
 * @throws NodeFailure when the apiserver does not answer, or does not list them
 */
export async function deleteTestNamespaces(
  server: string,
  layout: ControlPlaneLayout,
): Promise<void> {
  const identity = adminIdentity(layout);
  const url = `${server}/api/v1/namespaces`;
  try {
    const { status, body } = await ask(`${url}?labelSelector=e2e-framework`, identity);
    if (status !== 200) throw new Error(`answer ${status} to ${url}`);
    // Go writes an empty list as null where nobody made it a list.
    const { items } = JSON.parse(body) as {
      items?: readonly { readonly metadata: { readonly name: string } }[] | null;
    };
    // One that ends already is refused, which is as well.
    for (const { metadata } of items ?? [])
      await ask(`${url}/${metadata.name}`, identity, "DELETE");
  } catch (error) {
    const why = `cannot list the namespaces of earlier specs: ${(error as Error).message}`;
    throw componentFailure("kube-apiserver", layout.log("kube-apiserver"), why);
  }
}
