import { describe, expect, it } from "vitest";
import { imageUsers, isTestSource } from "../../src/kubernetes/index.js";

const MANIFEST = `package image
const (
	Agnhost = iota
	Nginx
	Pause
)
var imageConfigs = map[int]Config{
	Agnhost: {"r", "agnhost", "1"},
	Nginx: {"r", "nginx", "1"},
	Pause: {"r", "pause", "1"},
}
func GetE2EImage(image int) string { return imageConfigs[image].name }
func GetPauseImageName() string { return GetE2EImage(Pause) }
`;

const IMPORT = `import (
	imageutils "k8s.io/kubernetes/test/utils/image"
	"k8s.io/kubernetes/test/e2e/framework"
	"github.com/onsi/ginkgo/v2"
)`;

/** The specs that need each image: `* FILE:LINE NAME`, `*` for conformance. */
function users(files: Record<string, string>): Record<string, string[]> {
  const sources = new Map(Object.entries(files));
  sources.set("test/utils/image/manifest.go", MANIFEST);
  const found = imageUsers(sources, "k8s.io/kubernetes", new Set(["Agnhost", "Nginx", "Pause"]));
  return Object.fromEntries(
    [...found].map(([constant, rows]) => [
      constant,
      rows.map(
        ({ conformance, file, line, name }) =>
          `${conformance ? "* " : ""}${file.replace("test/e2e/", "")}:${line} ${name}`,
      ),
    ]),
  );
}

describe("the tests that need an image", () => {
  it("are the specs that name it, with the texts of their containers", () => {
    const text = `package apps
${IMPORT}
var _ = SIGDescribe("Deployment", func() {
	f := framework.NewDefaultFramework("deployment")
	ginkgo.Context("scaled", func() {
		framework.ConformanceIt("should scale", func() {
			create(imageutils.GetE2EImage(imageutils.Nginx))
		})
		ginkgo.It("should \\"stay\\" [Conformance]", func() { create(imageutils.GetPauseImageName()) })
	})
	ginkgo.It("needs " + "none", func() { f.Log("imageutils.Nginx") })
})
`;
    expect(users({ "test/e2e/apps/deployment.go": text })).toEqual({
      Agnhost: [],
      Nginx: ["* apps/deployment.go:10 Deployment scaled should scale"],
      Pause: ['* apps/deployment.go:13 Deployment scaled should "stay" [Conformance]'],
    });
  });

  it("are followed through helpers, methods and other packages", () => {
    const helpers = `package framework
${IMPORT}
var prePulled = []string{imageutils.GetE2EImage(imageutils.Nginx)}
type Framework struct{}
func (f *Framework) NewAgnhostPod() string { return pod() }
func pod() string { return imageutils.GetE2EImage(imageutils.Agnhost) }
func NewDefaultFramework(name string) *Framework { return &Framework{} }
func PrePulled() []string { return prePulled }
`;
    const tests = `package node
${IMPORT}
var _ = SIGDescribe("Pods", func() {
	f := framework.NewDefaultFramework("pods")
	It("runs", func() { f.NewAgnhostPod() })
	It("pulls", func() { framework.PrePulled() })
	It("does nothing", func() { f.Other() })
})
`;
    const found = users({
      "test/e2e/framework/framework.go": helpers,
      "test/e2e/node/pods.go": tests,
    });
    expect(found["Agnhost"]).toEqual(["node/pods.go:9 Pods runs"]);
    expect(found["Nginx"]).toEqual(["node/pods.go:10 Pods pulls"]);
  });

  it("get what runs before each of them, and local values only where they are named", () => {
    const text = `package a
${IMPORT}
var _ = Describe("a", func() {
	image := imageutils.GetE2EImage(imageutils.Nginx)
	BeforeEach(func() { run(imageutils.GetPauseImageName()) })
	It("one", func() { run(image) })
	It("two", func() { run("other") })
})
`;
    const found = users({ "test/e2e/a.go": text });
    expect(found["Nginx"]).toEqual(["a.go:10 a one"]);
    expect(found["Pause"]).toEqual(["a.go:10 a one", "a.go:11 a two"]);
  });

  it("are a container as a whole where a helper or an interface makes the specs", () => {
    const text = `package storage
${IMPORT}
type driver interface {
	PrepareTest() string
}
type nfs struct{}
func (n *nfs) PrepareTest() string { return imageutils.GetE2EImage(imageutils.Nginx) }
func initNFS() driver { return &nfs{} }
func define(d driver) {
	It("should mount " + name, func() { d.PrepareTest() })
}
var _ = Describe("In-tree Volumes", func() {
	for _, each := range []func() driver{initNFS} {
		Context(fmt.Sprintf("[Driver: %s]", each), func() { define(each()) })
	}
})
`;
    expect(users({ "test/e2e/storage.go": text })["Nginx"]).toEqual([
      "storage.go:14 should mount",
      "storage.go:18 In-tree Volumes [Driver: …]",
    ]);
  });

  it("are read whatever the text is", () => {
    for (const text of ["", "package", "func (", 'var _ = Describe("x', "}}}}", "import (\n`"])
      expect(users({ "test/e2e/broken.go": text })["Nginx"]).toEqual([]);
  });
});

describe("the files that are read", () => {
  it("are Go files of the suites and their helpers", () => {
    expect(isTestSource("test/e2e/apps/deployment.go")).toBe(true);
    expect(isTestSource("test/e2e_node/pids_test.go")).toBe(true);
    expect(isTestSource("test/utils/image/manifest.go")).toBe(true);
    expect(isTestSource("test/images/agnhost/main.go")).toBe(false);
    expect(isTestSource("test/e2e/testing-manifests/a.yaml")).toBe(false);
  });
});
