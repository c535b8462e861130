/** Generators that run: what they may write, what they see, and that they repeat. Needs Go's toolchain. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World, type Outcome } from "../e2e/support.js";
import { sharedStore } from "./support.js";

let world: World;
beforeAll(() => {
  world = new World({}, sharedStore());
});
afterAll(() => world.remove());

/** Writes the marked packages to a file, by the way that import paths lead; with a word more, another one. */
const GENERATOR = `package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := os.WriteFile("written-to-source", nil, 0o644); err == nil {
		panic("the source can be written to")
	}
	path := filepath.Join(os.Args[1], "example.org/app/names/names.go")
	text := fmt.Sprintf("package names\\n\\nconst All = %q\\n", os.Args[2][3:])
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		panic(err)
	}
	for _, extra := range os.Args[3:] {
		if err := os.WriteFile(extra, nil, 0o644); err != nil {
			panic(err)
		}
	}
}
`;
const FILES = {
  "app/go.mod": "module example.org/app\n\ngo 1.21\n",
  "app/main.go": `package main

import (
	_ "example.org/app/a"
	_ "example.org/app/b"
	_ "example.org/app/c"
	"example.org/app/names"
)

func main() { println(names.All) }
`,
  "app/main_test.go": `package main

import "testing"

func TestNames(t *testing.T) { println("tested") }
`,
  "app/a/a.go": "// +mark=true\npackage a\n",
  "app/b/b.go": "package b\n",
  "app/c/c.go": "// +mark=yes\npackage c\n",
  "app/names/doc.go": "package names\n",
  "app/cmd/gen/main.go": GENERATOR,
};
const recipe = (more: string, marker = "+mark="): string => `kmips 1
import "kmips:toolchain/go.kmips"
project { name = "generated", targets = [mips64le] }
source plain { directory = "app" }
source app {
  from         = source.plain
  go_toolchain = toolchain.go
  generate "names" {
    package     = "./cmd/gen"
    packages_of = ["./a", "./b", "./c"]
    marker      = "${marker}"
    args        = ["{gopath}", "of:{packages}", ${more}]
    outputs     = ["names/names.go"]
  }
}
component app {
  source = source.app
  go { toolchain = toolchain.go, packages = { app = "." }, tests = { app_test = "." } }
  test "knows the packages" {
    step "names" { cmd = ["/app"], expect = re"^example\\.org/app/a,example\\.org/app/c$" }
    step "tests" { cmd = ["/app_test", "-test.run=Names"], expect = re"tested\\nPASS" }
  }
}
`;

function build(text: string): Promise<Outcome> {
  world.write({ ...FILES, "project.kmips": text });
  return world.kmips(["build", "app"]);
}

describe("a generator", () => {
  it("that writes a file too many, or elsewhere, is refused", async () => {
    const { code, stderr } = await build(recipe('"{out}/extra.go", "{gopath}/stray"'));
    expect(code, stderr).toBe(EXIT.buildFailed);
    expect(stderr).toContain(
      'FAILED source.app/generate:names  KM0515: Generator "./cmd/gen" did not write what its outputs name',
    );
    expect(stderr).toContain("not declared: extra.go");
    expect(stderr).toContain("not declared: {gopath}/stray");
    expect(stderr).toContain("help: ");
  });

  it("with a marker that no package has is refused", async () => {
    const { code, stderr } = await build(recipe("", "+mrk="));
    expect(code, stderr).toBe(EXIT.buildFailed);
    expect(stderr).toContain('looking for "+mrk=" failed: no package that ./a, ./b, ./c imports');
  });

  it("that writes what it says gives a source to build, which verifies", async () => {
    const built = await build(recipe('"/tmp/scratch"'));
    expect(built.code, built.stderr).toBe(EXIT.ok);
    const verified = await world.kmips(["verify", "source.app"]);
    expect(verified.code, verified.stderr).toBe(EXIT.ok);
    expect(verified.stderr).toContain("source.app/generate:names");
  });

  it("runs again only for what it reads", async () => {
    world.write({ "app/main_test.go": "package main\n" });
    const { stdout } = await world.kmips(["plan", "app"]);
    expect(stdout).toMatch(/^cause\s+source\.plain\s.*main_test\.go edited/m);
  });
});
