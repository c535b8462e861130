import { expect, it } from "vitest";
import { parse } from "../../grammar/index.js";
import { platformMentions } from "../../src/analyze/index.js";

it("finds what recipes decide by the platform, and the patches that name one", () => {
  const text = `kmips 1
base debian {
  debian { suite = if target.arch == riscv64 then forky else bookworm }
}
component etcd {
  version = v3.3.15
  gomod {
    patch "github.com/coreos/bbolt" {
      version = v1.3.1
      patches {
        patch "0001-add-go-mod.patch" { reason = "A directory needs one" }
        patch "0002-mips64x.patch" { reason = "No unaligned loads" }
        patch "0003-x.patch" {
          when   = target.arch in [mips64le, loong64]
          reason = "The N64 ABI of mips64el"
        }
      }
    }
  }
}
image etcd {
  matrix { target = [mips64le], version = [v1] }
  env = { ARCH = "\${target.arch}" }
  files { "/x" -> if matrix.target == mips64le then text("a") else text("b") }
}
`;
  const mentions = platformMentions(parse({ name: "x.kmips", text }).recipe);
  expect(mentions.map(({ kind, what, arches }) => [kind, what, arches])).toEqual([
    ["condition", "base.debian debian suite", ["riscv64"]],
    [
      "patch",
      'component.etcd gomod patch "github.com/coreos/bbolt" patches patch "0002-mips64x.patch"',
      ["mips64le"],
    ],
    [
      "patch",
      'component.etcd gomod patch "github.com/coreos/bbolt" patches patch "0003-x.patch"',
      ["mips64le"],
    ],
    [
      "condition",
      'component.etcd gomod patch "github.com/coreos/bbolt" patches patch "0003-x.patch" when',
      ["loong64", "mips64le"],
    ],
    ["condition", "image.etcd env", []],
    ["condition", "image.etcd files", ["mips64le"]],
  ]);
  const [suite] = mentions;
  expect(suite?.text).toBe("if target.arch == riscv64 then forky else bookworm");
  expect(text.slice(suite?.at.span.start, suite?.at.span.end)).toBe(suite?.text);
});
