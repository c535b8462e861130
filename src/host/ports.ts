/** TCP ports of this machine's loopback address. */
import { createServer, type Server } from "node:net";
import { errnoOf } from "../../cache/index.js";

/** The only address that kmips lets anything listen on. */
export const LOOPBACK = "127.0.0.1";

/** Below the ports that the kernel gives to outgoing connections: none of those takes one away. */
const FIRST = 20_000;
const LAST = 29_999;
const ATTEMPTS = 500;

/** Whether nothing listens on the port. @throws Error for a port that this user may not open */
export async function isFreePort(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  await close(server);
  return true;
}

/**
 * `count` ports on which nothing listened a moment ago, each another one and none in `except`.
 * `random` gives numbers from 0 to 1.
 */
export async function freePorts(
  count: number,
  except: readonly number[] = [],
  random: () => number = Math.random,
): Promise<number[]> {
  // All are held until all are found, so that no port is found twice.
  const servers = new Map<number, Server>();
  try {
    for (let attempt = 0; servers.size < count; attempt++) {
      if (attempt === ATTEMPTS) throw new Error(`No free port from ${FIRST} to ${LAST}`);
      const port = FIRST + Math.floor(random() * (LAST - FIRST + 1));
      if (servers.has(port) || except.includes(port)) continue;
      const server = await listen(port);
      if (server !== undefined) servers.set(port, server);
    }
    return [...servers.keys()];
  } finally {
    for (const server of servers.values()) await close(server);
  }
}

/** A server on the port; undefined when another has it. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (errnoOf(error) === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
