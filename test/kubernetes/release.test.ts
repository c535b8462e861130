import { describe, expect, it } from "vitest";
import { readKubeadmDefaults, readRegistryKeys } from "../../src/kubernetes/index.js";

const STRUCT = `package image

// RegistryList holds registries
type RegistryList struct {
	E2eRegistry     string \`yaml:"e2eRegistry"\`
	GcRegistry      string \`yaml:"gcRegistry,omitempty"\`
	InvalidRegistry string \`yaml:"invalidRegistry"\`
	Untagged        string
}
`;

describe("readRegistryKeys()", () => {
  it.each([
    ["a function of v1.16", "func initReg() RegistryList {\n\tregistry := RegistryList{", "}\n}"],
    ["a variable since v1.25", "var (\n\tinitRegistry = RegistryList{", "}\n)"],
  ])("reads %s", (_shape, open, close) => {
    const text = `${STRUCT}
${open}
		// a comment
		E2eRegistry:     "gcr.io/kubernetes-e2e-test-images",
		GcRegistry:      "k8s.gcr.io",
		InvalidRegistry: "invalid.com/invalid",
		Untagged:        "example.com",
	${close}
`;
    expect(readRegistryKeys(text)).toEqual([
      { key: "e2eRegistry", registry: "gcr.io/kubernetes-e2e-test-images" },
      { key: "gcRegistry", registry: "k8s.gcr.io" },
      { key: "invalidRegistry", registry: "invalid.com/invalid" },
    ]);
  });

  it("finds none in another file", () => {
    expect(readRegistryKeys("package image\n")).toEqual([]);
  });
});

describe("readKubeadmDefaults()", () => {
  it("reads kubeadm's constants, and leaves out what is no literal", () => {
    const text = `const (\n\t// DefaultEtcdVersion is it\n\tDefaultEtcdVersion = "3.3.15-0"\n\tPauseVersion = "3.1"\n\tCoreDNSVersion = other\n)\n`;
    expect(readKubeadmDefaults(text)).toEqual({ etcd: "3.3.15-0", pause: "3.1" });
  });
});
