import { describe, expect, it } from "vitest";
import { readGoMod } from "../../src/golang/go-mod.js";
import { portRisks, type PackageSource } from "../../src/golang/port-risks.js";
import { readGoFile } from "../../src/golang/source-file.js";

const MIPS = { os: "linux", arch: "mips64le", tags: [] };
const RISCV = { os: "linux", arch: "riscv64", tags: [] };

/** Packages by path: file name → text after the package clause, a constraint first where it begins so. */
function packagesOf(packages: Record<string, Record<string, string>>): PackageSource {
  return {
    files(path) {
      const files = packages[path];
      if (files === undefined) return undefined;
      const name = path.split("/").at(-1) ?? "";
      return new Map(
        Object.entries(files).map(([file, text]) => {
          const [head = "", ...rest] = text.startsWith("//") ? text.split("\n") : ["", text];
          return [file, () => `${head}\n\npackage ${name}\n\n${rest.join("\n")}`];
        }),
      );
    },
  };
}

function risksOf(packages: Record<string, Record<string, string>>) {
  return portRisks(["m.org/main"], packagesOf(packages), MIPS, RISCV);
}

describe("what a port loses", () => {
  it("finds names that only the old platform declares", () => {
    const { risks, packages } = risksOf({
      "m.org/main": { "main.go": 'import "m.org/bolt"\n\nfunc main() { bolt.Open() }\n' },
      "m.org/bolt": {
        "bolt_mips64x.go":
          "// +build mips64 mips64le\nconst maxMapSize = 1\n\nconst unused = 2\n\nvar (\n\tbroken, other = true, 1\n)\n",
        "bolt_amd64.go": "const maxMapSize = 3\n",
        "db.go": "func Open() int {\n\tif broken {\n\t\treturn 0\n\t}\n\treturn maxMapSize\n}\n",
      },
    });
    expect(packages).toBe(2);
    expect(risks).toEqual([
      { importPath: "m.org/bolt", kind: "undeclared", names: ["broken", "maxMapSize"] },
    ]);
  });

  it("finds names that another package uses, also under another name", () => {
    const { risks } = risksOf({
      "m.org/main": {
        "main.go":
          'import (\n\t"fmt"\n\tu "m.org/unix"\n)\n\nfunc main() { fmt.Println(u.Epoll, u.Same) }\n',
      },
      "m.org/unix": {
        "z_linux_mips64le.go": "const (\n\tEpoll = 1\n\tSame = 2\n\tNever = 3\n)\n",
        "z_linux_riscv64.go": "const Same = 2\n",
      },
    });
    expect(risks).toEqual([{ importPath: "m.org/unix", kind: "undeclared", names: ["Epoll"] }]);
  });

  it("finds names that a package uses as its own by a dot", () => {
    const { risks } = risksOf({
      "m.org/main": { "main.go": 'import . "m.org/unix"\n\nvar x = y.Other + Epoll\n' },
      "m.org/unix": {
        "z_linux_mips64le.go": "const (\n\tEpoll = 1\n\tOther = 2\n)\n",
        "unix.go": "const Same = 2\n",
      },
    });
    expect(risks).toEqual([{ importPath: "m.org/unix", kind: "undeclared", names: ["Epoll"] }]);
  });

  it("finds packages without any file, and functions whose assembly is missing", () => {
    const { risks } = risksOf({
      "m.org/main": { "main.go": 'import (\n\t"m.org/only"\n\t"m.org/asm"\n)\n' },
      "m.org/only": { "only_mips64le.go": "const A = 1\n" },
      "m.org/asm": {
        "sum.go": "func Sum(b []byte) int\n\nfunc Whole() int { return 1 }\n",
        "sum_mips64le.s": "TEXT ·Sum(SB)\n",
      },
    });
    expect(risks).toEqual([
      { importPath: "m.org/asm", kind: "no-assembly", names: ["Sum"] },
      { importPath: "m.org/only", kind: "no-files", names: [] },
    ]);
  });

  it("is silent about functions of the old platform whose names are variables elsewhere", () => {
    const { risks } = risksOf({
      "m.org/main": {
        "main.go": "func main() {\n\tstat := 1\n\t_ = stat\n}\n",
        "x_mips64le.go": "func stat(path string) int { return 0 }\n",
      },
    });
    expect(risks).toEqual([]);
  });

  it("names packages that only the new platform imports and nothing has", () => {
    const { unknown, risks } = risksOf({
      "m.org/main": {
        "main.go": "func main() { run() }\n",
        "run_mips64le.go": "func run() {}\n",
        "run_riscv64.go": 'import "m.org/new"\n\nfunc run() { new.Run() }\n',
      },
    });
    expect(unknown).toEqual(["m.org/new"]);
    expect(risks).toEqual([]);
  });
});

describe("reading Go", () => {
  it("sees declarations, imports and no comments", () => {
    const file = readGoFile(`/* package wrong */
package right // import "x.org/right"

import "one.org/a"
import b "two.org/b"

// const hidden = 1
type (
	T struct {
		inner int
	}
)

func (t *T) Method() {}
func Generic[K any](k K) {}
func Assembly(a, b uintptr) (r uintptr)

var text = "func inString() {}"
`);
    expect(file.packageName).toBe("right");
    expect([...file.imports]).toEqual([
      ["one.org/a", undefined],
      ["two.org/b", "b"],
    ]);
    expect([...file.declares.keys()].sort()).toEqual([
      "Assembly",
      "Generic",
      "T",
      "T.Method",
      "text",
    ]);
    expect([...file.bodiless]).toEqual(["Assembly"]);
  });

  it("reads where modules come from", () => {
    const { module, replaced } = readGoMod(
      "module m.org/main\n\nreplace a.org/x => b.org/x v1.2.3\n\nreplace (\n\tc.org/y v1.0.0 => /patched/c.org/y\n)\n",
    );
    expect(module).toBe("m.org/main");
    expect([...replaced]).toEqual([
      ["a.org/x", "b.org/x"],
      ["c.org/y", "/patched/c.org/y"],
    ]);
    expect(readGoMod('module\t"m.org/quoted" // why\n').module).toBe("m.org/quoted");
    expect(readGoMod("").module).toBe("");
  });
});
