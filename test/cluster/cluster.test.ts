import { describe, expect, it } from "vitest";
import {
  containerdFiles,
  hydrophoneScript,
  installScript,
  kubeadmConfig,
  kubeadmImages,
  kubesprayVariables,
  missingForKubeadm,
  nearestTag,
  releaseOf,
  repoList,
  sonobuoyScript,
  type Cluster,
} from "../../src/cluster/index.js";
import { platformOf } from "../../src/model/platform.js";

const PUBLISHED = [
  "k8s.gcr.io/kube-apiserver:v1.16.2",
  "k8s.gcr.io/kube-controller-manager:v1.16.2",
  "k8s.gcr.io/kube-scheduler:v1.16.2",
  "k8s.gcr.io/kube-proxy:v1.16.2",
  "k8s.gcr.io/etcd:3.2.26",
  "k8s.gcr.io/etcd:3.3.15",
  "k8s.gcr.io/coredns:1.6.5",
  "k8s.gcr.io/pause:3.1",
  "gcr.io/google-containers/conformance:v1.16.2",
  "docker.io/library/busybox:1.29",
];

function cluster(more: Partial<Cluster> = {}, published = PUBLISHED): Cluster {
  const { prefix } = more;
  return {
    release: releaseOf("v1.16.2")!,
    platform: platformOf("mips64le"),
    defaults: { etcd: "3.3.15-0", coredns: "1.6.2", pause: "3.1" },
    images: published.map((name) => ({
      published: name,
      name: prefix === undefined ? name : name.replace(/^[^/]+/, prefix),
    })),
    programs: new Map([["kubelet", "ab".repeat(32)]]),
    plainHttp: false,
    ...more,
  };
}

describe("nearestTag()", () => {
  it.each([
    [["3.2.26", "3.3.15", "3.6.8"], "3.3.15-0", "3.3.15"],
    [["3.3.15", "3.3.15-0"], "3.3.15-0", "3.3.15-0"],
    [["1.6.5", "1.15.0"], "1.6.2", "1.6.5"],
    [["1.6.5", "1.15.0"], "v1.14.6", "1.15.0"],
    [["1.14-alpine", "1.15-alpine"], undefined, "1.15-alpine"],
    [[], "1.0", undefined],
    // What is no number compared as neither more nor less, and hid the newest.
    [["1.9", "latest", "1.2"], undefined, "1.9"],
    [["1.2", "latest", "1.9"], "2.0", "1.9"],
    [["latest"], undefined, "latest"],
  ])("of %j for %s is %s", (tags, wanted, nearest) => {
    expect(nearestTag(tags, wanted)).toBe(nearest);
  });
});

describe("releaseOf()", () => {
  it.each([
    ["v1.16.2", 16],
    ["v1.17.0-rc.1", 17],
    ["v1.27.3+k3s1", 27],
    ["v2.0.0", undefined],
    ["v1.16", undefined],
    ["v1.16.2\nrm -r /", undefined],
    ["v1.16.2 # more", undefined],
  ])("of %j is of minor version %s", (version, minor) => {
    expect(releaseOf(version)?.minor).toBe(minor);
  });
});

describe("kubeadmConfig()", () => {
  it.each([
    ["v1.14.0", "v1beta1"],
    ["v1.16.2", "v1beta2"],
    ["v1.21.14", "v1beta2"],
    ["v1.22.0", "v1beta3"],
    ["v1.30.2", "v1beta3"],
    ["v1.31.0", "v1beta4"],
    ["v1.37.2", "v1beta4"],
  ])("of %s is of %s", (version, api) => {
    const text = kubeadmConfig(cluster({ release: releaseOf(version)! }));
    expect(text).toContain(`apiVersion: kubeadm.k8s.io/${api}\n`);
    expect(text.includes("type: CoreDNS")).toBe(["v1beta1", "v1beta2"].includes(api));
  });

  it("names a repository each for etcd and DNS, with the nearest tags that are there", () => {
    expect(kubeadmConfig(cluster({ prefix: "r.example/k8s" }))).toBe(
      [
        "apiVersion: kubeadm.k8s.io/v1beta2",
        "kind: ClusterConfiguration",
        "kubernetesVersion: v1.16.2",
        'imageRepository: "r.example/k8s"',
        "dns:",
        "  type: CoreDNS",
        '  imageRepository: "r.example/k8s"',
        '  imageTag: "1.6.5"',
        "etcd:",
        "  local:",
        '    imageRepository: "r.example/k8s"',
        '    imageTag: "3.3.15"',
        "",
      ].join("\n"),
    );
    expect(missingForKubeadm(cluster({ prefix: "r.example/k8s" }))).toEqual([]);
  });

  it("lets hyperkube stand for a control plane that is not there", () => {
    const few = cluster({}, ["k8s.gcr.io/hyperkube:v1.16.2", "k8s.gcr.io/pause:3.1"]);
    expect(kubeadmConfig(few)).toContain("useHyperKubeImage: true\n");
    expect(kubeadmImages(few)).toContain("k8s.gcr.io/hyperkube:v1.16.2");
    expect(missingForKubeadm(few)).toEqual([
      "k8s.gcr.io/etcd:3.3.15-0",
      "k8s.gcr.io/coredns:1.6.2",
    ]);
  });
});

describe("repoList()", () => {
  it("moves only registries of images that are there, and never the invalid one", () => {
    const keys = [
      { key: "e2eRegistry", registry: "k8s.gcr.io/e2e-test-images" },
      { key: "gcRegistry", registry: "k8s.gcr.io" },
      { key: "invalidRegistry", registry: "invalid.com/invalid" },
      { key: "dockerLibraryRegistry", registry: "docker.io/library" },
      { key: "sampleRegistry", registry: "gcr.io/google-samples" },
    ];
    const images = [
      "k8s.gcr.io/e2e-test-images/agnhost:2.6",
      "docker.io/library/busybox:1.29",
      "invalid.com/invalid/alpine:3.1",
    ];
    const text = repoList({ ...cluster({ prefix: "r:5000" }, images), prefix: "r:5000" }, keys);
    expect(text.split("\n").slice(1)).toEqual([
      'e2eRegistry: "r:5000/e2e-test-images"',
      'gcRegistry: "k8s.gcr.io" # no image of it is here',
      'invalidRegistry: "invalid.com/invalid" # the tests want this very one',
      'dockerLibraryRegistry: "r:5000/library"',
      'sampleRegistry: "gcr.io/google-samples" # no image of it is here',
      "",
    ]);
  });
});

describe("containerdFiles()", () => {
  it("has a file for each host, with the path below the mirror's", () => {
    const files = containerdFiles(cluster({ prefix: "r.example/k8s" }));
    expect([...files.keys()]).toEqual([
      "certs.d/docker.io/hosts.toml",
      "certs.d/gcr.io/hosts.toml",
      "certs.d/k8s.gcr.io/hosts.toml",
      "config-1.toml",
      "config-2.toml",
    ]);
    expect(files.get("certs.d/gcr.io/hosts.toml")).toBe(
      '[host."https://r.example/v2/k8s"]\n  capabilities = ["pull", "resolve"]\n  override_path = true\n',
    );
    expect(files.get("config-2.toml")).toContain('sandbox = "r.example/k8s/pause:3.1"');
  });

  it("makes the registry's own name mean HTTP where it speaks that", () => {
    const files = containerdFiles(cluster({ prefix: "r.example:5000", plainHttp: true }));
    expect(files.get("certs.d/r.example:5000/hosts.toml")).toBe(
      '[host."http://r.example:5000"]\n  capabilities = ["pull", "resolve"]\n',
    );
  });

  it("has only the sandbox image without a mirror", () => {
    const files = containerdFiles(cluster());
    expect([...files.keys()]).toEqual(["config-1.toml", "config-2.toml"]);
    expect(files.get("config-1.toml")).toContain('sandbox_image = "k8s.gcr.io/pause:3.1"');
    expect(files.get("config-1.toml")).not.toContain("config_path");
  });
});

describe("kubesprayVariables()", () => {
  it("spells versions as the kubespray of the release does, checksums as both do", () => {
    const old = kubesprayVariables(cluster());
    expect(old).toContain('kube_version: "v1.16.2"');
    expect(old).toContain(`    "v1.16.2": "${"ab".repeat(32)}"\n`);
    expect(old).toContain(`    "1.16.2": "sha256:${"ab".repeat(32)}"\n`);
    expect(old).toContain("{{ files_repo }}/release/v1.16.2/bin/linux/mips64le/kubelet");
    expect(kubesprayVariables(cluster({ release: releaseOf("v1.37.2")! }))).toContain(
      'kube_version: "1.37.2"',
    );
  });
});

describe("the scripts", () => {
  it("run the conformance image of the release, when there is one", () => {
    expect(sonobuoyScript(cluster(), "repos.yaml")).toContain(
      "--kube-conformance-image=gcr.io/google-containers/conformance:v1.16.2 \\\n",
    );
    expect(hydrophoneScript(cluster(), undefined)).toContain(
      "--busybox-image docker.io/library/busybox:1.29 \\\n",
    );
    expect(sonobuoyScript(cluster({ release: releaseOf("v1.37.2")! }), undefined)).toBeUndefined();
  });

  it("ask docker first where kubelet could still use it", () => {
    const platform = platformOf("riscv64");
    expect(installScript(platform, 16)).toContain("engines='docker ctr nerdctl podman'");
    expect(installScript(platform, 24)).toContain("engines='ctr nerdctl podman docker'");
    expect(installScript(platform, undefined)).toContain("platform='linux/riscv64'");
  });
});
