/**
 * The test driver's entry: a program of its own, bundled without dependencies, that runs inside
 * the sandbox of a test because only there its services can be reached. argv[2] is the path of a
 * `DriverSpec`; the verdict goes to stdout, what the programs print to stderr.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { argv, exit, stdout } from "node:process";
import type { DriverSpec } from "./driver/protocol.js";
import { runTestSpec } from "./driver/run.js";

/** Lets users other than root listen on low ports, as container runtimes do. */
const LOW_PORTS = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

const spec = JSON.parse(readFileSync(argv[2] ?? "", "utf8")) as DriverSpec;
try {
  writeFileSync(LOW_PORTS, "0");
} catch {
  // Not permitted in a user namespace of another user; root's programs need it not.
}
void runTestSpec(spec).then((verdict) => {
  stdout.write(`${JSON.stringify(verdict)}\n`, () => exit(0));
});
