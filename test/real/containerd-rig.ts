/** A containerd and a registry of a test's own: their files in one directory, no port but loopback's. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start, type Running } from "../e2e/support.js";

export interface Daemon {
  readonly running: Running;
  stop(): Promise<void>;
}

function daemon(running: Running): Daemon {
  return {
    running,
    stop: async () => {
      running.child.kill("SIGTERM");
      await running.ended;
    },
  };
}

/** A containerd with root, state and socket below `directory`; `address` is for CONTAINERD_ADDRESS. */
export async function startContainerd(
  directory: string,
): Promise<Daemon & { readonly address: string }> {
  mkdirSync(directory);
  const address = join(directory, "containerd.sock");
  const config = join(directory, "config.toml");
  writeFileSync(
    config,
    [
      "version = 2",
      `root = "${join(directory, "root")}"`,
      `state = "${join(directory, "state")}"`,
      // Its directory would be /opt/containerd.
      'disabled_plugins = ["io.containerd.internal.v1.opt"]',
      `[grpc]\n  address = "${address}"`,
      `[ttrpc]\n  address = "${join(directory, "ttrpc.sock")}"`,
      "",
    ].join("\n"),
  );
  const running = start(["containerd", "--config", config]);
  await running.says("containerd successfully booted");
  return { ...daemon(running), address };
}

/** Debian's docker-registry with its blobs below `directory`. */
export async function startRegistry(
  directory: string,
): Promise<Daemon & { readonly host: string; requests(): string[] }> {
  mkdirSync(directory);
  const config = join(directory, "config.yml");
  writeFileSync(
    config,
    [
      "version: 0.1",
      "log: { level: info, accesslog: { disabled: false } }",
      `storage: { filesystem: { rootdirectory: ${join(directory, "blobs")} } }`,
      "http: { addr: 127.0.0.1:0 }",
      "",
    ].join("\n"),
  );
  let said = "";
  const running = start(["docker-registry", "serve", config]);
  running.child.stdout?.on("data", (text: string) => (said += text));
  running.child.stderr?.on("data", (text: string) => (said += text));
  const port = await running.says(/listening on 127\.0\.0\.1:(\d+)/);
  return {
    ...daemon(running),
    host: `127.0.0.1:${port}`,
    /** `METHOD PATH STATUS` of every request so far. */
    requests: () =>
      [...said.matchAll(/"(GET|HEAD|POST|PATCH|PUT) (\/v2\/\S*) HTTP\/1\.1" (\d+)/g)].map(
        ([, method, path, status]) => `${method} ${path} ${status}`,
      ),
  };
}

/** A Docker engine on the containerd at `address`, with everything else below `directory`. */
export async function startDocker(
  directory: string,
  address: string,
): Promise<Daemon & { readonly host: string }> {
  mkdirSync(directory);
  const host = `unix://${join(directory, "docker.sock")}`;
  const running = start([
    "dockerd",
    "--host",
    host,
    "--containerd",
    address,
    "--data-root",
    join(directory, "root"),
    "--exec-root",
    join(directory, "exec"),
    "--pidfile",
    join(directory, "pid"),
    "--iptables=false",
    "--ip6tables=false",
    "--bridge=none",
    "--storage-driver=vfs",
  ]);
  await running.says("API listen on");
  return { ...daemon(running), host };
}
