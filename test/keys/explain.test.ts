import { describe, expect, it } from "vitest";
import type { Digest, Field } from "../../cache/index.js";
import { diffActions, diffLines } from "../../src/keys/index.js";

const text = (name: string, value: string): Field => ({
  name,
  value: { type: "text", text: value },
});
const blob = (name: string, digest: string): Field => ({
  name,
  value: { type: "blob", digest: digest as Digest, size: 1 },
});
const texts: Record<string, string> = { "sha256:a": "one\ntwo\n", "sha256:b": "one\n2\nthree\n" };
const read = (digest: Digest): string | undefined => texts[digest];

describe("diffActions()", () => {
  it("says nothing about equal actions", () => {
    expect(
      diffActions("component", [text("a", "1")], [text("a", "1")], new Map(), read, read),
    ).toEqual([]);
  });

  it("shows an edited patch with the lines that changed", () => {
    const [change] = diffActions(
      "patch",
      [blob("patch x.patch", "sha256:a")],
      [blob("patch x.patch", "sha256:b")],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({
      code: "patch.edited",
      summary: "x.patch +2 -1",
      lines: ["-two", "+2", "+three"],
    });
  });

  it("tells added and removed patches apart", () => {
    const codes = diffActions(
      "patch",
      [blob("patch a", "sha256:a")],
      [blob("patch b", "sha256:b")],
      new Map(),
      read,
      read,
    );
    expect(codes.map((change) => change.code)).toEqual(["patch.added", "patch.removed"]);
  });

  it("shows both values of a changed version", () => {
    const [change] = diffActions(
      "source",
      [text("version", "v1.6.4")],
      [text("version", "v1.6.5")],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({ code: "source.version", summary: "version: v1.6.4 -> v1.6.5" });
  });

  it("tells edits of a derived source's go.mod from another version", () => {
    const edited = (version: string): Field => ({
      name: "replace",
      value: { type: "map", entries: [["example.org/m", `example.org/m ${version}`]] },
    });
    const [change] = diffActions(
      "source",
      [edited("v1.0.0")],
      [edited("v1.0.1")],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({ code: "gomod", field: "replace" });
  });

  it("names the dependency behind a changed result", () => {
    const followed = new Map([["source", "source.x"]]);
    const [change] = diffActions(
      "component",
      [text("source", "sha256:1")],
      [text("source", "sha256:2")],
      followed,
      read,
      read,
    );
    expect(change).toMatchObject({ code: "follows", follows: "source.x" });
  });

  it("names the file of a live source that was edited", () => {
    const hex = "0".repeat(64);
    const line = (path: string, last: string): string =>
      `${path} 0644 sha256:${hex.slice(1)}${last}\n`;
    const list = (items: string[]): Field => ({ name: "files", value: { type: "list", items } });
    const [change] = diffActions(
      "source",
      [list([line("a.go", "1"), line("b.go", "1")])],
      [list([line("a.go", "1"), line("b.go", "2")])],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({ code: "source.files", summary: "b.go edited" });
  });

  it("reports an order that changed alone", () => {
    const [change] = diffActions(
      "patch",
      [text("a", "1"), text("b", "1")],
      [text("b", "1"), text("a", "1")],
      new Map(),
      read,
      read,
    );
    expect(change?.field).toBe("order");
  });
});

describe("diffLines()", () => {
  it("keeps common lines out", () => {
    expect(diffLines(["a", "b", "c", "d"], ["a", "x", "c", "y"])).toEqual(["-b", "+x", "-d", "+y"]);
  });

  it("replaces everything when the table would be too large", () => {
    const before = Array.from({ length: 3000 }, (_, i) => `b${i}`);
    const after = Array.from({ length: 3000 }, (_, i) => `a${i}`);
    expect(diffLines(before, after)).toHaveLength(6000);
  });
});

describe("diffActions() of packages", () => {
  const list = (name: string, ...items: string[]): Field => ({
    name,
    value: { type: "list", items },
  });
  const before = list(
    "packages",
    "bind9-dnsutils_1%3a9.18.41-1_mips64el.deb sha256:1",
    "libc6_2.36-9_mips64el.deb sha256:2",
    "wget_1.21_mips64el.deb sha256:3",
  );
  const after = list(
    "packages",
    "bind9-dnsutils_1%3a9.18.49-1_mips64el.deb sha256:4",
    "curl_7.88.1-10+deb12u12_mips64el.deb sha256:5",
    "libc6_2.36-9_mips64el.deb sha256:6",
  );
  const followed = new Map([["packages", "image.agnhost/packages"]]);

  it("names every package of an install with its versions", () => {
    const [change] = diffActions("install", [before], [after], followed, read, read);
    expect(change).toMatchObject({
      code: "packages",
      summary:
        "bind9-dnsutils 1:9.18.41-1 -> 1:9.18.49-1, libc6 2.36-9 with other bytes, " +
        "+curl 7.88.1-10+deb12u12, -wget 1.21",
      follows: "image.agnhost/packages",
    });
    expect(change?.lines).toHaveLength(4);
  });

  it("counts what does not fit into one line", () => {
    const many = list("packages", ...[..."abcdef"].map((n) => `${n}_1_all.deb sha256:${n}`));
    const [change] = diffActions("base", [list("packages")], [many], followed, read, read);
    expect(change?.summary).toBe("+a 1, +b 1, +c 1, +d 1 and 2 more");
  });

  it("shows the names that were asked for", () => {
    const [change] = diffActions(
      "packages",
      [list("names", "curl", "dig")],
      [list("names", "dig", "wget")],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({ code: "packages", summary: "-curl +wget" });
  });

  it("calls a moved index by its name", () => {
    const fact = "deb-packages bookworm/main/mips64el";
    const [change] = diffActions(
      "debian-index",
      [text(fact, `sha256:${"1".repeat(64)}`)],
      [text(fact, `sha256:${"2".repeat(64)}`)],
      new Map(),
      read,
      read,
    );
    expect(change).toMatchObject({
      code: "index",
      summary: `${fact}: sha256:111111111111… -> sha256:222222222222…`,
    });
  });
});
