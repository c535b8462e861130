import { describe, expect, it } from "vitest";
import {
  hasCsiImages,
  ManifestError,
  readCsiImages,
  readManifest,
  referenceOf,
} from "../../src/kubernetes/index.js";

const CONFIG = `
// Config holds an images registry, name, and version
type Config struct {
	registry string
	name     string
	version  string
}
`;

/** As up to v1.20: registries are package variables. */
const VARIABLES = `package image

import yaml "gopkg.in/yaml.v2"

type RegistryList struct {
	E2eRegistry string \`yaml:"e2eRegistry"\`
}
${CONFIG}
func initReg() RegistryList {
	registry := RegistryList{
		E2eRegistry: "gcr.io/kubernetes-e2e-test-images", // the usual one
		GcRegistry:  "k8s.gcr.io",
	}
	return registry
}

var (
	registry    = initReg()
	e2eRegistry = registry.E2eRegistry
	fixed       = "gcr.io/" + "fixed"
	// PrivateRegistry is exported
	PrivateRegistry = registry.GcRegistry
	imageConfigs = initImageConfigs()
)

const (
	// Agnhost image
	Agnhost = iota
	/* Pause image,
	   in two lines */
	Pause
	WindowsNanoServer
)

func initImageConfigs() map[int]Config {
	configs := map[int]Config{}
	configs[Agnhost] = Config{e2eRegistry, "agnhost", "2.6"}
	configs[Pause] = Config{version: "3.1", name: "pause", registry: PrivateRegistry}
	configs[WindowsNanoServer] = Config{fixed, "windows-nanoserver", "v1"}
	return configs
}
`;

/** As since v1.22: the list is a parameter, the constants are typed. */
const PARAMETER = `package image
${CONFIG}
var initRegistry = RegistryList{
	PromoterE2eRegistry: "registry.k8s.io/e2e-test-images",
}

type ImageID int

const (
	None ImageID = iota
	Agnhost
	Nginx
)

func initImageConfigs(list RegistryList) (map[ImageID]Config, map[ImageID]Config) {
	configs := map[ImageID]Config{}
	configs[Agnhost] = Config{list.PromoterE2eRegistry, "agnhost", "2.52"}
	configs[Nginx] = Config{
		list.PromoterE2eRegistry,
		"nginx",
		"1.14-4",
	}
	appendCSIImageConfigs(configs)
	for i, config := range configs {
		configs[i] = config
	}
	return configs, configs
}
`;

const LITERAL = `package image
${CONFIG}
const (
	Agnhost = iota
)
var configs = map[int]Config{
	Agnhost: {"docker.io/library", "agnhost", \`2.52\`},
}
`;

/** As from v1.10 to v1.12. */
const IMAGE_VARIABLES = `package image

import "runtime"

const (
	e2eRegistry = "gcr.io/kubernetes-e2e-test-images"
	gcRegistry  = "k8s.gcr.io"
)

type ImageConfig struct {
	registry string
	name     string
	version  string
	hasArch  bool
}

var (
	BusyBox = ImageConfig{gcRegistry, "busybox", "1.24", false}
	// When this is updated, also update the kubelet
	Net = ImageConfig{e2eRegistry, "net", "1.0", true}
)
`;

/** As v1.9. */
const NAMES_WITH_ARCH = `package image

type ImageConfig struct {
	registry string
	name     string
	version  string
}

var (
	Net = ImageConfig{"gcr.io/kubernetes-e2e-test-images", "net", "1.0"}
)

func GetE2EImage(image ImageConfig) string {
	return fmt.Sprintf("%s/%s-%s:%s", image.registry, image.name, runtime.GOARCH, image.version)
}
`;

function references(text: string): string[] {
  return readManifest(text, "mips64le").map(
    (image) => `${image.constant ?? ""} ${referenceOf(image)}`,
  );
}

describe("a manifest", () => {
  it("with package variables is read with its registries", () => {
    expect(references(VARIABLES)).toEqual([
      "Agnhost gcr.io/kubernetes-e2e-test-images/agnhost:2.6",
      "Pause k8s.gcr.io/pause:3.1",
      "WindowsNanoServer gcr.io/fixed/windows-nanoserver:v1",
    ]);
    expect(hasCsiImages(VARIABLES)).toBe(false);
  });

  it("with a list of registries as a parameter", () => {
    expect(references(PARAMETER)).toEqual([
      "Agnhost registry.k8s.io/e2e-test-images/agnhost:2.52",
      "Nginx registry.k8s.io/e2e-test-images/nginx:1.14-4",
    ]);
    expect(hasCsiImages(PARAMETER)).toBe(true);
  });

  it("with a variable for each image, whose name may end in the architecture", () => {
    expect(references(IMAGE_VARIABLES)).toEqual([
      "BusyBox k8s.gcr.io/busybox:1.24",
      "Net gcr.io/kubernetes-e2e-test-images/net-mips64le:1.0",
    ]);
    expect(references(NAMES_WITH_ARCH)).toEqual([
      "Net gcr.io/kubernetes-e2e-test-images/net-mips64le:1.0",
    ]);
  });

  it("as one literal", () => {
    expect(references(LITERAL)).toEqual(["Agnhost docker.io/library/agnhost:2.52"]);
  });

  it("that computes a name is a fault that says where", () => {
    const text = LITERAL.replace('"agnhost"', "nameOf(Agnhost)");
    expect(() => readManifest(text, "mips64le")).toThrow(ManifestError);
    expect(() => readManifest(text, "mips64le")).toThrow(
      /manifest\.go line \d+: the name of Agnhost/,
    );
  });

  it("of no known shape is a fault", () => {
    expect(() => readManifest("package image\n", "mips64le")).toThrow(ManifestError);
    expect(() => readManifest("", "mips64le")).toThrow(ManifestError);
  });

  it("whose variables name each other in a circle ends", () => {
    const text = LITERAL.replace('"docker.io/library"', "a").replace(
      "var configs",
      "var a = b\nvar b = a\nvar configs",
    );
    expect(() => readManifest(text, "mips64le")).toThrow(/the registry of Agnhost/);
  });
});

describe("images of CSI drivers", () => {
  it("come from YAML, each once, without those that the manifest has", () => {
    const yaml = (tag: string): string => `spec:
  containers:
    - name: a
      image: registry.k8s.io/sig-storage/csi-attacher:${tag}
    - image: "registry.k8s.io/e2e-test-images/agnhost:2.52"
      # image: registry.k8s.io/not/this:v1
    - image: plain
`;
    const files = new Map([
      ["a.yaml", yaml("v4")],
      ["b.yaml", yaml("v4")],
    ]);
    expect(readCsiImages(files, readManifest(PARAMETER, "mips64le"))).toEqual([
      {
        registry: "registry.k8s.io/sig-storage",
        name: "csi-attacher",
        tag: "v4",
        files: ["a.yaml", "b.yaml"],
      },
    ]);
  });
});
