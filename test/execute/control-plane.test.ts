import { X509Certificate } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath } from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deleteTestNamespaces } from "../../src/execute/control-plane/api-client.js";
import { makeCertificates } from "../../src/execute/control-plane/certificates.js";
import { controlPlane, flagArguments } from "../../src/execute/control-plane/components.js";
import { kubeconfigText } from "../../src/execute/control-plane/kubeconfig.js";
import { ControlPlaneLayout } from "../../src/execute/control-plane/layout.js";
import { startControlPlane } from "../../src/execute/control-plane/start.js";
import { emptyState, readState, writeState } from "../../src/execute/control-plane/state.js";
import { minorVersionOf } from "../../src/execute/control-plane/version.js";
import {
  ChildProcessRunner,
  freePorts,
  identifyProcess,
  ToolMissingError,
  Tools,
} from "../../src/host/index.js";
import type { NodeFailure } from "../../src/model/failure.js";
import { platformOf, type Platform } from "../../src/model/platform.js";
import type { ProcessRequest, ProcessResult } from "../../src/model/ports.js";

let layout: ControlPlaneLayout;
beforeEach(() => {
  layout = new ControlPlaneLayout(mkdtempSync(join(tmpdir(), "kmips-plane-")));
});
afterEach(() => rmSync(layout.root, { recursive: true }));

const PORTS = {
  apiserver: 1,
  etcdClient: 2,
  etcdPeer: 3,
  etcdHealth: 4,
  controllerManager: 5,
  scheduler: 6,
};
const tools = new Tools({ path: env["PATH"] ?? "", node: execPath, nodeArch: process.arch });

describe("controlPlane()", () => {
  it("listens on loopback alone", () => {
    const components = controlPlane(layout, PORTS, "mips64le", 16);
    for (const { name, flags, health } of components) {
      expect(health).toMatch(/^https?:\/\/127\.0\.0\.1:\d\//);
      if (name !== "etcd") expect(flags["bind-address"], name).toBe("127.0.0.1");
      for (const value of Object.values(flags)) {
        expect(value).not.toContain("0.0.0.0");
        if (value.includes("://")) expect(value).toMatch(/https?:\/\/127\.0\.0\.1:\d$/);
      }
    }
    const insecure = components.map(({ flags }) => flags["insecure-port"] ?? flags["port"]);
    expect(insecure).toEqual([undefined, "0", "0", "0"]);
  });

  it("has the flags of a release that knows neither insecure ports nor tokens without an issuer", () => {
    const [, apiserver, ...clients] = controlPlane(layout, PORTS, "mips64le", 37);
    expect(apiserver!.flags).toMatchObject({
      "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
      "service-account-signing-key-file": `${layout.certificates}/sa.key`,
    });
    for (const { flags } of [apiserver!, ...clients]) {
      expect(flags).not.toHaveProperty("port");
      expect(flags).not.toHaveProperty("insecure-port");
    }
  });

  it("has the admission, authorization and request headers that kubeadm v1.16 sets", () => {
    const argv = flagArguments(controlPlane(layout, PORTS, "mips64le", 16)[1]!.flags);
    expect(argv).toEqual(
      expect.arrayContaining([
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth=true",
        "--allow-privileged=true",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
      ]),
    );
  });
});

describe("makeCertificates()", () => {
  const options = {
    openssl: tools.require("openssl"),
    processes: new ChildProcessRunner(),
    signal: new AbortController().signal,
  };
  const read = (name: string): X509Certificate =>
    new X509Certificate(readFileSync(layout.certificate(name).crt));

  it("makes kubeadm's certificates, and no second time", async () => {
    await makeCertificates(layout.certificates, options);
    const ca = read("ca");
    const apiserver = read("apiserver");
    expect(ca.ca).toBe(true);
    expect(apiserver.checkIssued(ca)).toBe(true);
    expect(apiserver.verify(ca.publicKey)).toBe(true);
    for (const name of ["kubernetes.default.svc.cluster.local", "localhost"])
      expect(apiserver.checkHost(name)).toBe(name);
    for (const address of ["127.0.0.1", "10.96.0.1"])
      expect(apiserver.checkIP(address)).toBe(address);
    expect(read("admin").subject).toBe("O=system:masters\nCN=kubernetes-admin");
    expect(read("scheduler").subject).toBe("CN=system:kube-scheduler");
    expect(read("front-proxy-client").verify(read("front-proxy-ca").publicKey)).toBe(true);
    expect(read("etcd/server").verify(ca.publicKey)).toBe(false);
    expect(read("etcd/server").verify(read("etcd/ca").publicKey)).toBe(true);
    for (const name of ["ca", "admin", "etcd/peer"])
      expect(statSync(layout.certificate(name).key).mode & 0o077).toBe(0);
    const before = readFileSync(layout.certificate("admin").crt);
    await makeCertificates(layout.certificates, options);
    expect(readFileSync(layout.certificate("admin").crt)).toEqual(before);
  });

  it("makes all again when one is gone, but never the key of service accounts", async () => {
    await makeCertificates(layout.certificates, options);
    const account = readFileSync(join(layout.certificates, "sa.key"));
    const { serialNumber } = read("ca");
    rmSync(layout.certificate("admin").crt);
    await makeCertificates(layout.certificates, options);
    expect(read("ca").serialNumber).not.toBe(serialNumber);
    expect(read("admin").verify(read("ca").publicKey)).toBe(true);
    expect(readFileSync(join(layout.certificates, "sa.key"))).toEqual(account);
  });
});

describe("makeCertificates(), cut", () => {
  /** Ends as openssl does by SIGTERM at its call number `at`, having opened its output. */
  class Cut extends ChildProcessRunner {
    #left: number;
    constructor(at: number) {
      super();
      this.#left = at;
    }
    override run(request: ProcessRequest): Promise<ProcessResult> {
      if (--this.#left !== 0) return super.run(request);
      const out = request.argv[request.argv.indexOf("-out") + 1]!;
      writeFileSync(out, "");
      const [stdout, stderr] = ["", ""];
      const killedBy = "SIGTERM" as const;
      return Promise.resolve({
        ...{ code: undefined, killedBy, timedOut: false, stdout, stderr, elapsedMs: 1 },
      });
    }
  }
  const make = (processes = new ChildProcessRunner()): Promise<void> =>
    makeCertificates(layout.certificates, {
      openssl: tools.require("openssl"),
      processes,
      signal: new AbortController().signal,
    });

  // A new CA stood beside certificates of the old one, and nothing talked to anything again.
  it("is done again as a whole when it was made anew only in part", async () => {
    await make();
    rmSync(layout.certificate("ca").crt);
    await expect(make(new Cut(2))).rejects.toMatchObject({ reason: { exit: "SIGTERM" } });
    await make();
    const read = (name: string): X509Certificate =>
      new X509Certificate(readFileSync(layout.certificate(name).crt));
    for (const name of ["apiserver", "scheduler"])
      expect(read(name).verify(read("ca").publicKey), name).toBe(true);
  });

  // An empty sa.key stayed, and openssl could not read it at any later start.
  it.each([13, 14])("leaves no half of the key of service accounts (call %i)", async (at) => {
    await expect(make(new Cut(at))).rejects.toMatchObject({ reason: { exit: "SIGTERM" } });
    await make();
    for (const file of ["sa.key", "sa.pub"])
      expect(readFileSync(join(layout.certificates, file), "utf8")).toContain("-----END");
  });

  it("makes again what cannot be read, and what lost its key", async () => {
    await make();
    writeFileSync(layout.certificate("admin").crt, "-----BEGIN CERTIFICATE-----\n");
    await make();
    rmSync(layout.certificate("etcd/peer").key);
    await make();
    expect(existsSync(layout.certificate("etcd/peer").key)).toBe(true);
    expect(readFileSync(layout.certificate("admin").crt, "utf8")).toContain("-----END");
  });
});

describe("kubeconfigText()", () => {
  it("has the user's certificate in it", () => {
    const [ca, certificate, key] = ["ca", "certificate", "key"].map((text) => Buffer.from(text));
    const text = kubeconfigText({
      server: "https://127.0.0.1:1",
      user: "kubernetes-admin",
      ca: ca!,
      certificate: certificate!,
      key: key!,
    });
    const config = JSON.parse(text) as { users: unknown; "current-context": string };
    expect(config["current-context"]).toBe("kubernetes-admin@kmips");
    expect(config.users).toEqual([
      {
        name: "kubernetes-admin",
        user: { "client-certificate-data": "Y2VydGlmaWNhdGU=", "client-key-data": "a2V5" },
      },
    ]);
  });
});

describe("deleteTestNamespaces()", () => {
  let asked: string[];
  let server: HttpServer;
  let answer: (path: string) => { status: number; body: string };
  beforeEach(async () => {
    asked = [];
    server = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      const { status, body } = answer(request.url!);
      response.writeHead(status).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    for (const name of ["ca", "admin"]) {
      const { crt, key } = layout.certificate(name);
      mkdirSync(layout.certificates, { recursive: true });
      for (const path of [crt, key]) writeFileSync(path, "");
    }
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const run = (): Promise<void> =>
    deleteTestNamespaces(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, layout);

  it("asks for the end of each, whatever is said to that", async () => {
    const items = ["a-1", "b-2"].map((name) => ({ metadata: { name } }));
    answer = (path) =>
      path.includes("?")
        ? { status: 200, body: JSON.stringify({ items }) }
        : { status: 409, body: "" };
    await run();
    expect(asked).toEqual([
      "GET /api/v1/namespaces?labelSelector=e2e-framework",
      "DELETE /api/v1/namespaces/a-1",
      "DELETE /api/v1/namespaces/b-2",
    ]);
  });

  it("takes null for an empty list", async () => {
    answer = () => ({ status: 200, body: '{"items":null}' });
    await run();
    expect(asked).toHaveLength(1);
  });

  // A refusal was taken for an empty list, and an answer that is no JSON for a bug of kmips.
  it.each([
    [403, '{"kind":"Status"}', "answer 403"],
    [200, "<html>", "cannot list the namespaces"],
  ])("says that the apiserver failed on %i %s", async (status, body, why) => {
    answer = () => ({ status, body });
    await expect(run()).rejects.toMatchObject({
      reason: {
        type: "component",
        component: "kube-apiserver",
        why: expect.stringContaining(why) as string,
      },
    });
  });
});

describe("readState()", () => {
  it("takes what it cannot read for nothing", () => {
    expect(readState(layout)).toBeUndefined();
    writeState(layout, emptyState("linux/mips64le", 6443, {}));
    expect(readState(layout)?.port).toBe(6443);
    writeState(layout, { ...emptyState("", 1, {}), format: 2 as 1 });
    expect(readState(layout)).toBeUndefined();
    const program = { pid: 2, started: "boot:1", name: "etcd", log: "/log" };
    for (const odd of [null, 1, {}, { ...program, pid: 1 }, { ...program, pid: "2" }]) {
      const text = JSON.stringify({ ...emptyState("", 1, {}), programs: [program, odd] });
      writeFileSync(layout.state, text);
      expect(readState(layout), text).toBeUndefined();
    }
    for (const text of ["", "null", "{", '{"format":1,"programs":[]}']) {
      writeFileSync(layout.state, text);
      expect(readState(layout), text).toBeUndefined();
    }
  });
});

describe("minorVersionOf()", () => {
  /** A program that says the text. */
  function version(text: string, exit = 0): Promise<number> {
    const path = join(layout.root, "says");
    writeFileSync(path, `#!/bin/sh\necho '${text}'\nexit ${exit}\n`, { mode: 0o755 });
    return minorVersionOf(path, {
      platform: platformOf(tools.hostArch as Platform["arch"]),
      tools,
      processes: new ChildProcessRunner(),
      signal: new AbortController().signal,
    });
  }

  it("is what the program says", async () => {
    expect(await version("Kubernetes v1.16.2")).toBe(16);
    expect(await version("Kubernetes v1.37.0-rc.1")).toBe(37);
  });

  it("is a failure of the program when it says something else", async () => {
    for (const said of [version("coredns 1.6.5"), version("Kubernetes v1.16.2", 1)])
      await expect(said).rejects.toMatchObject({
        reason: { type: "command", what: "kube-apiserver --version" },
      });
  });
});

describe("startControlPlane()", () => {
  /** Every program is this machine's own `path`. */
  function start(
    path: string,
    more: { port?: number; tools?: Tools; signal?: AbortSignal } = {},
  ): ReturnType<typeof startControlPlane> {
    const program = { path, digest: "sha256:0" };
    return startControlPlane({
      layout,
      platform: platformOf(tools.hostArch as Platform["arch"]),
      minor: 16,
      programs: {
        etcd: program,
        "kube-apiserver": program,
        "kube-controller-manager": program,
        "kube-scheduler": program,
      },
      port: more.port,
      outlives: false,
      tools: more.tools ?? tools,
      processes: new ChildProcessRunner(),
      signal: more.signal ?? new AbortController().signal,
      onReady: () => undefined,
    });
  }
  const failureOf = (start: Promise<unknown>): Promise<NodeFailure["reason"]> =>
    start.then(
      () => expect.fail("it started"),
      (error: NodeFailure) => error.reason,
    );

  it("says what a program that ends wrote last, and leaves nothing", async () => {
    expect(await failureOf(start(tools.require("cat")))).toMatchObject({
      type: "component",
      component: "etcd",
      why: "ended with exit 1",
      log: layout.log("etcd"),
      excerpt: expect.stringContaining("unrecognized option") as string,
    });
    expect(existsSync(layout.state)).toBe(false);
  });

  it("says whose port is taken", async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    expect(await failureOf(start("/bin/true", { port }))).toMatchObject({
      type: "resource",
      errno: "EADDRINUSE",
      path: `127.0.0.1:${port}`,
    });
    await new Promise((resolve) => server.close(resolve));
  });

  it("names the package of an emulator that is missing", async () => {
    class WithoutEmulator extends Tools {
      override emulatorFor(): never {
        throw new ToolMissingError("qemu-mips64el-static");
      }
    }
    const search = { path: env["PATH"] ?? "", node: execPath, nodeArch: process.arch };
    const failure = await failureOf(start("/bin/true", { tools: new WithoutEmulator(search) }));
    expect(failure).toMatchObject({
      type: "tool",
      tool: "qemu-mips64el-static",
      install: "apt-get install qemu-user-static",
    });
  });

  it("ends what it started when it is interrupted", async () => {
    const controller = new AbortController();
    const script = join(layout.root, "hangs");
    writeFileSync(script, "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
    const failure = failureOf(start(script, { signal: controller.signal }));
    const count = (): number | undefined => readState(layout)?.programs.length;
    await expect.poll(count, { timeout: 15_000 }).toBe(1);
    const { pid } = readState(layout)!.programs[0]!;
    controller.abort();
    expect(await failure).toEqual({ type: "interrupted" });
    expect(identifyProcess(pid)).toBeUndefined();
  });
});
