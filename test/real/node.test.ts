/**
 * What a node takes, read by the programs of a node: containerd and its ctr, a Docker engine,
 * skopeo, Debian's registry, ansible, and two shells for install.sh.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { output, removeAll, run, type Outcome, type World } from "../e2e/support.js";
import { startContainerd, startDocker, startRegistry } from "./containerd-rig.js";
import { recipesWorld, sharedStore } from "./support.js";

/** Images of every kind of registry; the last two share a layer. */
const IMAGES = ["pause", "coredns", "etcd", "mounttest", "busybox", "perl"];
const PUBLISHED = [
  "docker.io/library/busybox:1.29",
  "docker.io/library/perl:5.26",
  "gcr.io/kubernetes-e2e-test-images/mounttest:1.0",
  "k8s.gcr.io/coredns:1.6.5",
  "k8s.gcr.io/etcd:3.3.15",
  "k8s.gcr.io/pause:3.1",
];
const PREFIX = "registry.example/k8s";
/** Where a bundle has kubeadm. */
const KUBEADM = "files/release/v1.16.2/bin/linux/mips64le/kubeadm";

let world: World;
let scratch: string;
let containerd: Awaited<ReturnType<typeof startContainerd>>;
let registry: Awaited<ReturnType<typeof startRegistry>>;
let archive: string;
let bundle: string;

beforeAll(async () => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), "kmips-node-")));
  world = recipesWorld(sharedStore());
  await world.output([
    "build",
    ...IMAGES.map((name) => `image.${name}`),
    "source.kubernetes",
    "component.kubeadm",
  ]);
  archive = join(scratch, "images.tar");
  bundle = join(scratch, "bundle");
  await world.output(["export", ...IMAGES, "-o", archive, "--prefix", PREFIX]);
  await world.output(["bundle", ...IMAGES, "-o", bundle, "--prefix", PREFIX]);
  containerd = await startContainerd(join(scratch, "containerd"));
  registry = await startRegistry(join(scratch, "registry"));
});
afterAll(async () => {
  await registry?.stop();
  await containerd?.stop();
  await world.remove();
  await removeAll(scratch);
});

function ctr(...args: readonly string[]): Promise<string> {
  return output(["ctr", "--namespace", "k8s.io", ...args], {
    env: { CONTAINERD_ADDRESS: containerd.address },
  });
}

/** Names that a containerd has and kubelet spares. */
async function pinnedNames(): Promise<string[]> {
  const names = await ctr("images", "ls", "-q", 'labels."io.cri-containerd.pinned"==pinned');
  return names.split("\n").filter((name) => name !== "" && !name.startsWith("sha256:"));
}

async function forgetImages(): Promise<void> {
  const names = (await ctr("images", "ls", "-q")).split("\n").filter((name) => name !== "");
  if (names.length > 0) await ctr("images", "rm", ...names);
}

const withPrefix = (name: string): string => name.replace(/^[^/]+/, PREFIX);
const ALL_NAMES = [...PUBLISHED, ...PUBLISHED.map(withPrefix)].sort();

/** Files below a directory, relative. */
function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

describe("an archive", () => {
  it("is imported by containerd for the one platform, under every name", async () => {
    await ctr("images", "import", "--platform", "linux/mips64le", archive);
    const rows = (await ctr("images", "ls")).trim().split("\n").slice(1);
    const named = rows.filter((row) => !row.startsWith("sha256:"));
    expect(named.map((row) => row.split(/\s+/)[0]).sort()).toEqual(ALL_NAMES);
    for (const row of named) expect(row).toContain(" linux/mips64le ");
    await forgetImages();
    // And without saying which platform of several there would be.
    await ctr("images", "import", "--all-platforms", "--no-unpack", archive);
    await forgetImages();
  });

  it("is loaded by a Docker engine", async () => {
    const docker = await startDocker(join(scratch, "docker"), containerd.address);
    try {
      const env = { DOCKER_HOST: docker.host };
      await output(["/usr/bin/docker", "load", "-i", archive], { env });
      for (const name of ALL_NAMES) {
        const text = await output(["/usr/bin/docker", "image", "inspect", name], { env });
        expect(JSON.parse(text)).toMatchObject([{ Architecture: "mips64le", Os: "linux" }]);
      }
    } finally {
      await docker.stop();
    }
  });

  it.each(["docker-archive", "oci-archive"])("is read by skopeo as %s", async (transport) => {
    for (const name of ALL_NAMES) {
      const text = await output(["skopeo", "inspect", `${transport}:${archive}:${name}`]);
      expect(JSON.parse(text)).toMatchObject({ Architecture: "mips64le", Os: "linux" });
    }
  });

  it("has the same bytes again", async () => {
    const again = join(scratch, "again.tar");
    await world.output(["export", ...[...IMAGES].reverse(), "-o", again, "--prefix", PREFIX]);
    expect(await run(["cmp", archive, again])).toMatchObject({ code: 0 });
    rmSync(again);
  });
});

describe("a layout", () => {
  it("is read by skopeo and umoci", async () => {
    const layout = join(scratch, "layout");
    await world.output(["export", ...IMAGES, "--format", "layout", "-o", layout]);
    const tags = await output(["umoci", "list", "--layout", layout]);
    expect(tags.trim().split("\n").sort()).toEqual(PUBLISHED);
    for (const name of PUBLISHED)
      await output([
        "skopeo",
        "copy",
        "-q",
        `oci:${layout}:${name}`,
        `dir:${join(scratch, "out")}`,
      ]);
    const { code, stderr } = await world.kmips([
      "export",
      "pause",
      "--format",
      "layout",
      "-o",
      layout,
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("is there already");
  });
});

describe("kmips push", () => {
  it("sends every blob once, mounts what another repository has, and then nothing", async () => {
    const push = ["push", ...IMAGES, "--prefix", `${registry.host}/k8s`];
    const names = (await world.output(push)).trim().split("\n");
    expect(names).toHaveLength(PUBLISHED.length);
    const blobs = new Set<string>();
    for (const name of names) {
      const text = await output([
        "skopeo",
        "inspect",
        "--raw",
        "--tls-verify=false",
        `docker://${name}`,
      ]);
      const manifest = JSON.parse(text) as {
        config: { digest: string };
        layers: { digest: string; mediaType: string }[];
      };
      blobs.add(manifest.config.digest);
      for (const layer of manifest.layers) {
        expect(layer.mediaType).toContain("gzip");
        blobs.add(layer.digest);
      }
    }
    const sent = registry.requests().filter((request) => request.startsWith("PATCH"));
    expect(sent).toHaveLength(blobs.size);
    const mounted = registry.requests().filter((one) => /^POST \S*[?&]mount=\S* 201$/.test(one));
    expect(mounted).toHaveLength(1);
    const before = registry.requests().length;
    await world.output(push);
    const again = registry.requests().slice(before);
    expect(again.length).toBeGreaterThan(0);
    expect(again.filter((one) => /^(PATCH|POST)/.test(one))).toEqual([]);
  });
});

describe("containerd's files", () => {
  it("let containerd pull by the images' own names from the mirror alone", async () => {
    const directory = join(scratch, "mirror");
    await world.output([
      "export",
      ...IMAGES,
      "--format",
      "containerd",
      "--prefix",
      `${registry.host}/k8s`,
      "-o",
      directory,
    ]);
    const certs = join(directory, "certs.d");
    for (const name of PUBLISHED) {
      // A pull that is cut off from every other registry.
      await ctr("images", "pull", "--platform", "linux/mips64le", "--hosts-dir", certs, name);
    }
    expect((await ctr("images", "ls", "-q")).split("\n")).toEqual(
      expect.arrayContaining(PUBLISHED),
    );
    await forgetImages();
    const config = join(scratch, "imports.toml");
    writeFileSync(config, `version = 2\nimports = ["${join(directory, "config-1.toml")}"]\n`);
    const dump = await output(["containerd", "--config", config, "config", "dump"]);
    expect(dump).toContain(`sandbox_image = "${registry.host}/k8s/pause:3.1"`);
    expect(dump).toContain('config_path = "/etc/containerd/certs.d"');
  });
});

/** An expression over files of variables, as ansible renders it. */
async function rendered(expression: string, ...variables: readonly string[]): Promise<unknown> {
  const text = await output([
    ...["ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "debug"],
    ...["-a", JSON.stringify({ msg: `{{ ${expression} }}` })],
    ...variables.flatMap((one) => ["-e", one]),
  ]);
  return (JSON.parse(text.slice(text.indexOf("{"))) as { msg: unknown }).msg;
}

describe("kubespray's variables", () => {
  it("are rendered by ansible with the architecture's own spelling", async () => {
    const file = `@${join(bundle, "config/kubespray.yml")}`;
    const value = await rendered(
      "[image_arch, host_architecture, kube_version, kube_image_repo, pod_infra_image_repo ~ ':' ~ pod_infra_image_tag, coredns_image_repo ~ ':' ~ coredns_image_tag, etcd_image_repo ~ ':' ~ etcd_image_tag]",
      file,
    );
    expect(value).toEqual([
      "mips64le",
      "mips64le",
      "v1.16.2",
      PREFIX,
      `${PREFIX}/pause:3.1`,
      `${PREFIX}/coredns:1.6.5`,
      `${PREFIX}/etcd:3.3.15`,
    ]);
    const url = "http://files.example";
    const programs = await rendered(
      "[kubeadm_download_url, kubeadm_checksums[image_arch][kube_version]]",
      file,
      `files_repo=${url}`,
    );
    const [sum] = (await output(["sha256sum", join(bundle, KUBEADM)])).split(" ");
    expect(programs).toEqual([`${url}/${KUBEADM.replace("files/", "")}`, sum]);
  });
});

/** kubeadm of the bundle, as its node would run it. */
function kubeadm(...args: readonly string[]): Promise<string> {
  return output(["qemu-mips64el-static", join(bundle, KUBEADM), ...args]);
}

describe("kubeadm's configuration", () => {
  it("is what kubeadm makes the names of its images from", async () => {
    const config = join(scratch, "kubeadm.yaml");
    const { code, stderr } = await world.kmips([
      ...["export", ...IMAGES, "--format", "kubeadm", "--prefix", PREFIX, "-o", config],
    ]);
    expect(code).toBe(0);
    const wanted = (await kubeadm("config", "images", "list", "--config", config))
      .trim()
      .split("\n");
    const missing = [...stderr.matchAll(/kubeadm will ask for (\S+), which is not here/g)].map(
      ([, name = ""]) => name,
    );
    expect(wanted.filter((name) => ALL_NAMES.includes(name)).sort()).toEqual([
      `${PREFIX}/coredns:1.6.5`,
      `${PREFIX}/etcd:3.3.15`,
      `${PREFIX}/pause:3.1`,
    ]);
    expect(wanted.filter((name) => !ALL_NAMES.includes(name)).sort()).toEqual(missing.sort());
    expect(missing).toContain(`${PREFIX}/kube-apiserver:v1.16.2`);
  });
});

describe("the list for KUBE_TEST_REPO_LIST", () => {
  it("has every key of the release's manifest and leaves the invalid registry invalid", async () => {
    const text = await world.output([
      "export",
      ...IMAGES,
      "--format",
      "repo-list",
      "--prefix",
      PREFIX,
    ]);
    const data = JSON.parse(
      await output([
        "python3",
        "-c",
        `import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))`,
        text,
      ]),
    ) as unknown;
    expect(data).toEqual({
      gcAuthenticatedRegistry: "gcr.io/authenticated-image-pulling",
      dockerLibraryRegistry: `${PREFIX}/library`,
      e2eRegistry: `${PREFIX}/kubernetes-e2e-test-images`,
      invalidRegistry: "invalid.com/invalid",
      gcRegistry: PREFIX,
      gcrReleaseRegistry: "gcr.io/gke-release",
      googleContainerRegistry: "gcr.io/google-containers",
      privateRegistry: "gcr.io/k8s-authenticated-test",
      sampleRegistry: "gcr.io/google-samples",
      quayK8sCSI: "quay.io/k8scsi",
    });
  });
});

describe("a bundle", () => {
  const shells = [{ shell: ["dash"] }, { shell: ["busybox", "sh"] }];

  function install(
    shell: readonly string[],
    directory: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Outcome> {
    return run([...shell, join(directory, "install.sh"), ...args], {
      env: { CONTAINERD_ADDRESS: containerd.address, ...env },
    });
  }

  it.each(shells)("is put on a node by install.sh in $shell.0", async ({ shell }) => {
    const root = join(scratch, `root-${shell[0]}`);
    mkdirSync(root);
    const args = ["--engine", "ctr", "--mirrors", "--programs", "/usr/local/bin"];
    const dry = await install(shell, bundle, [...args, "--dry-run"], { DESTDIR: root });
    expect(dry, dry.stderr).toMatchObject({ code: 0 });
    expect(dry.stdout).toContain("nothing was changed");
    expect(await pinnedNames()).toEqual([]);
    expect(readdirSync(root)).toEqual([]);
    const { code, stdout, stderr } = await install(shell, bundle, args, { DESTDIR: root });
    expect(code, stdout + stderr).toBe(0);
    expect((await pinnedNames()).sort()).toEqual(ALL_NAMES);
    expect(filesOf(join(root, "etc/containerd/certs.d"))).toEqual([
      "docker.io/hosts.toml",
      "gcr.io/hosts.toml",
      "k8s.gcr.io/hosts.toml",
    ]);
    const placed = join(root, "usr/local/bin/kubeadm");
    expect(statSync(placed).mode & 0o777).toBe(0o755);
    expect(await run(["cmp", placed, join(bundle, KUBEADM)])).toMatchObject({ code: 0 });
    // Again is fine; over a file that somebody else wrote it is not, and nothing is loaded then.
    expect(await install(shell, bundle, args, { DESTDIR: root })).toMatchObject({ code: 0 });
    await forgetImages();
    writeFileSync(join(root, "etc/containerd/certs.d/gcr.io/hosts.toml"), "# mine\n");
    const refused = await install(shell, bundle, args, { DESTDIR: root });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("says something else");
    expect(await pinnedNames()).toEqual([]);
  });

  it.each(shells)("is refused when a byte is wrong, in $shell.0", async ({ shell }) => {
    const damaged = join(scratch, "damaged");
    cpSync(bundle, damaged, { recursive: true });
    writeFileSync(join(damaged, "config/kubeadm.yaml"), "kind: Nothing\n");
    const { code, stderr } = await install(shell, damaged, ["--engine", "ctr"]);
    expect(code).toBe(1);
    expect(stderr).toContain("config/kubeadm.yaml");
    expect(await pinnedNames()).toEqual([]);
    rmSync(damaged, { recursive: true });
  });

  it("says what is wrong with the arguments, and that no engine answers", async () => {
    const none = join(scratch, "none");
    expect(await install(["dash"], bundle, ["--engine", "lxc"])).toMatchObject({ code: 1 });
    expect(await install(["dash"], bundle, ["--fast"])).toMatchObject({ code: 2 });
    expect(await install(["dash"], bundle, ["--help"])).toMatchObject({ code: 0, stderr: "" });
    mkdirSync(none);
    for (const tool of ["dirname", "sha256sum", "grep", "cat"])
      await output(["ln", "-s", (await output(["which", tool])).trim(), join(none, tool)]);
    const { code, stderr } = await install(["/bin/dash"], bundle, [], { PATH: none });
    expect(code).toBe(1);
    expect(stderr).toContain("answers on this node");
  });

  it("has the same files for the same store", async () => {
    const again = join(scratch, "bundle-again");
    await world.output(["bundle", ...IMAGES, "-o", again, "--prefix", PREFIX]);
    expect(await run(["diff", "-r", bundle, again])).toMatchObject({ code: 0, stdout: "" });
    expect(filesOf(again)).toEqual(
      expect.arrayContaining(["SHA256SUMS", "images.tar", "install.sh"]),
    );
  });

  it("is not begun where something is, and leaves nothing on a full disk", async () => {
    const taken = await world.kmips(["bundle", "pause", "-o", bundle]);
    expect(taken).toMatchObject({ code: 2 });
    const disk = join(scratch, "disk");
    mkdirSync(disk);
    await output(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
    try {
      const full = await world.kmips(["bundle", "etcd", "-o", join(disk, "bundle")]);
      expect(full.code).toBe(5);
      expect(full.stderr).toMatch(/Cannot write ".*bundle.*": ENOSPC/);
      const file = await world.kmips(["export", "etcd", "-o", join(disk, "etcd.tar")]);
      expect(file.code).toBe(5);
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      await output(["umount", disk]);
    }
    expect(existsSync(bundle)).toBe(true);
  });

  it("is not made of images that are not built", async () => {
    const { code, stderr } = await world.kmips(["bundle", "pause", "-o", join(scratch, "none2")], {
      store: join(scratch, "empty-store"),
    });
    expect(code).toBe(2);
    expect(stderr).toContain('"image.pause" is not built as the recipes are now');
    expect(stderr).toContain("kmips build image.pause");
  });
});
