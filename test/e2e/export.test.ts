/** What leaves the store, from a project that needs no compiler. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXIT } from "../../src/model/exit-code.js";
import { World } from "./support.js";

const PROJECT = `kmips 1
project { name = "small", targets = [mips64le, riscv64] }

image one {
  version  = v1.0.0
  registry = "k8s.gcr.io/group"
  files { "/one" -> text("one\\n") }
}

image two {
  name     = "group/one"
  version  = v1.0.0
  registry = "gcr.io"
  files { "/two" -> text("two\\n") }
}

image own {
  matrix { target = [mips64le] }
  version = v2.0.0
  files { "/own" -> text("own\\n") }
}
`;

let world: World;
beforeAll(async () => {
  world = new World({ "project.kmips": PROJECT });
  await world.build();
});
afterAll(() => world.remove());

interface Exported {
  readonly images: readonly { readonly address: string; readonly names: readonly string[] }[];
}

describe("kmips export", () => {
  it("names images as clusters do, without the platform that tells them apart here", async () => {
    const path = join(world.root, "x.tar");
    const args = [
      "export",
      "image.one[mips64le]",
      "own",
      "-o",
      path,
      "--prefix",
      "r.example:5000/p",
    ];
    expect((await world.json<Exported>(args)).images).toEqual([
      {
        address: "image.one[mips64le]",
        names: ["k8s.gcr.io/group/one:1.0.0", "r.example:5000/p/group/one:1.0.0"],
      },
      {
        address: "image.own[mips64le]",
        names: [
          "docker.io/library/own:2.0.0-mips64le",
          "r.example:5000/p/library/own:2.0.0-mips64le",
        ],
      },
    ]);
    expect(await world.output(args)).toContain("k8s.gcr.io/group/one:1.0.0 image.one[mips64le]\n");
  });

  it.each([
    [["one"], "linux/mips64le and linux/riscv64"],
    [["own", "--prefix", "http://r.example"], "is not a registry"],
    [["nothing*"], "No node matches"],
    [["own", "--format", "layout"], "--output"],
    [["own", "--format", "kubeadm"], "without Kubernetes"],
    [["own", "--kubernetes", "v1.2.3", "--format", "kubeadm"], "no source of Kubernetes v1.2.3"],
  ])("%j is wrong usage", async (args, message) => {
    const more = args.includes("--format") ? [] : ["-o", join(world.root, "never.tar")];
    const { code, stderr, stdout } = await world.kmips(["export", ...args, ...more]);
    expect(code, stderr).toBe(EXIT.usage);
    expect(stderr).toContain(message);
    expect(stdout).toBe("");
  });

  it("does not give two images one name behind a prefix", async () => {
    const edited = new World({ "project.kmips": PROJECT.replace(", riscv64", "") }, world.store);
    try {
      await edited.build();
      const { code, stderr } = await edited.kmips([
        ...["export", "one", "two", "-o", join(edited.root, "x.tar"), "--prefix", "r.example"],
      ]);
      expect(code).toBe(EXIT.usage);
      expect(stderr).toContain('image.one and image.two would both be "r.example/group/one:1.0.0"');
    } finally {
      await edited.remove();
    }
  });

  it("takes an image as the recipes are now, or says that it is not built", async () => {
    const edited = new World({ "project.kmips": PROJECT.replace("own\\n", "new\\n") }, world.store);
    try {
      const { code, stderr } = await edited.kmips(["export", "own", "-o", join(edited.root, "x")]);
      expect(code).toBe(EXIT.usage);
      expect(stderr).toContain("is not built as the recipes are now");
    } finally {
      await edited.remove();
    }
  });
});

describe("kmips bundle", () => {
  it("of a project without Kubernetes has images and install.sh alone", async () => {
    const path = join(world.root, "bundle");
    const files = (await world.output(["bundle", "own", "-o", path])).trim().split("\n");
    expect(files).toEqual(["SHA256SUMS", "images.tar", "images.txt", "install.sh"]);
    expect(readFileSync(join(path, "images.txt"), "utf8")).toBe(
      "docker.io/library/own:2.0.0-mips64le\n",
    );
  });
});
