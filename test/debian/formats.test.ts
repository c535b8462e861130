import { describe, expect, it } from "vitest";
import { explanation, parseFetchFaults, parseSimulation } from "../../src/debian/apt-output.js";
import { parseParagraph, splitParagraphs, wordsOf } from "../../src/debian/control.js";
import { findStanzas, parseStanza, parseStanzas } from "../../src/debian/package-stanza.js";
import { parseRelease } from "../../src/debian/release.js";
import { archiveFor, parseSourcesFile, parseSourcesList } from "../../src/debian/sources-list.js";

const SUM = "109e9a7d1125d557809815730c6deb13aa43d13d5c8ab4eac84f8ebae29b18c2";

function stanza(name: string, version: string, architecture = "mips64el"): string {
  return [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${architecture}`,
    `Filename: pool/${name}.deb`,
    `SHA256: ${SUM}`,
    "Size: 10724",
    "Description: a line",
    " and one more",
  ].join("\n");
}

describe("control files", () => {
  it("are paragraphs of fields, with continuation lines and comments", () => {
    const text = "\n# note\nA: 1\n2nd:\n  x\n# inside\n  y z\n\n\nB: 2\n\n";
    const paragraphs = [...splitParagraphs(text)];
    expect(paragraphs).toHaveLength(2);
    const [first, second] = paragraphs.map((paragraph) => parseParagraph(paragraph));
    expect([...first!]).toEqual([
      ["a", "1"],
      ["2nd", "\nx\ny z"],
    ]);
    expect(wordsOf(first!, "2nd")).toEqual(["x", "y", "z"]);
    expect(wordsOf(second!, "absent")).toEqual([]);
    expect(second!.get("b")).toBe("2");
  });

  it("of packages name a file and its digest", () => {
    const one = parseStanza(stanza("tool", "1:2.0-1"))!;
    expect(one).toMatchObject({ name: "tool", version: "1:2.0-1", sha256: SUM, size: 10724 });
    expect(one.text).toContain("\n and one more");
    expect(parseStanza("Package: x\nVersion: 1\nArchitecture: all")).toBeUndefined();
    expect(parseStanza(stanza("x", "1").replace(SUM, "short"))).toBeUndefined();
    expect(parseStanza(stanza("x", "1").replace("10724", "many"))).toBeUndefined();
    expect(parseStanzas(`${stanza("a", "1")}\n\n${stanza("b", "1")}\n`)).toHaveLength(2);
  });

  it("of packages are found by name, version and architecture; the first of a kind counts", () => {
    const first = stanza("tool", "1");
    const text = [
      stanza("other", "1"),
      stanza("tool", "2"),
      first,
      first.replace("10724", "9"),
      stanza("tool", "1", "all"),
    ].join("\n\n");
    const found = findStanzas(text, [{ name: "tool", version: "1", architecture: "mips64el" }]);
    expect([...found.keys()]).toEqual(["tool 1 mips64el"]);
    expect(found.get("tool 1 mips64el")!.size).toBe(10724);
  });
});

describe("InRelease", () => {
  const body = [
    "Suite: x",
    "Architectures: all mips64el",
    "Components: updates/main updates/contrib",
    "SHA256:",
    ` ${SUM} 12 main/binary-mips64el/Packages`,
    "",
  ].join("\n");

  it("says what a suite holds, signed or not", () => {
    const signed = `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${body}-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n`;
    for (const text of [body, signed]) {
      const release = parseRelease(text);
      expect(release.architectures).toEqual(["all", "mips64el"]);
      expect(release.components).toEqual(["main", "contrib"]);
      expect([...release.files]).toEqual([["main/binary-mips64el/Packages", SUM]]);
    }
  });
});

describe("apt's sources", () => {
  it("are lines with or without options", () => {
    const text = [
      "# deb http://off/debian x main",
      "deb http://a/debian x main contrib # note",
      "deb [arch=amd64 signed-by=/k.gpg]  http://b/debian/  x-updates main",
      "deb-src http://a/debian x main",
    ].join("\n");
    expect(parseSourcesList(text)).toEqual([
      { uris: ["http://a/debian"], suites: ["x"], components: ["main", "contrib"] },
      { uris: ["http://b/debian/"], suites: ["x-updates"], components: ["main"] },
    ]);
  });

  it("are paragraphs, enabled or not", () => {
    const text = [
      "Types: deb deb-src\nURIs: http://a/debian http://b/debian\nSuites: x x-updates\nComponents: main\nSigned-By:\n -----BEGIN PGP\n .\n abc",
      "Types: deb\nEnabled: no\nURIs: http://c/debian\nSuites: x\nComponents: main",
      "Types: deb-src\nURIs: http://d/debian\nSuites: x\nComponents: main",
    ].join("\n\n");
    expect(parseSourcesFile(text)).toEqual([
      {
        uris: ["http://a/debian", "http://b/debian"],
        suites: ["x", "x-updates"],
        components: ["main"],
      },
    ]);
  });

  it("tell where a suite is, listed or not, and are not led astray by third parties", () => {
    const source = (uri: string, suite: string, ...components: string[]) => {
      return { uris: [uri], suites: [suite], components };
    };
    const sources = [
      source("http://third/linux/debian", "x", "stable"),
      source("http://third/apt", "x", "main"),
      source("http://a/debian", "x", "main"),
      source("http://a/debian-security/", "x-security", "main"),
    ];
    expect(archiveFor("x", sources)).toBe("http://a/debian");
    expect(archiveFor("x-security", sources)).toBe("http://a/debian-security/");
    expect(archiveFor("y", sources)).toBe("http://a/debian");
    expect(archiveFor("y-security", sources)).toBe("http://a/debian-security/");
    expect(archiveFor("x", sources.slice(0, 2))).toBe("http://third/apt");
    expect(archiveFor("y", sources.slice(0, 2))).toBeUndefined();
  });
});

describe("apt's output", () => {
  it("names what would be unpacked, in order", () => {
    const stdout = [
      "Reading package lists...",
      "Inst gcc-12-base (12.2.0-14+deb12u1 volatile-packages-file [mips64el]) []",
      "Inst libc6 [2.36-9] (2.36-9+deb12u14 Debian:12.15/oldstable, x:y [mips64el])",
      "Inst tzdata:all (2026b-0+deb12u1 Debian [all])",
      "Conf libc6 (2.36-9+deb12u14 Debian [mips64el])",
    ].join("\n");
    expect(parseSimulation(stdout)).toEqual([
      { name: "gcc-12-base", version: "12.2.0-14+deb12u1", architecture: "mips64el" },
      { name: "libc6", version: "2.36-9+deb12u14", architecture: "mips64el" },
      { name: "tzdata", version: "2026b-0+deb12u1", architecture: "all" },
    ]);
  });

  it("tells what could not be fetched, and why", () => {
    const stderr = `E: Failed to fetch http://a/x%2b1.deb  404  Not Found [IP: 192.0.2.1 80]\nE: Failed to fetch http://a/y.deb  Hash Sum mismatch\n   Hashes of expected file:\n    - SHA256:aa\n   Hashes of received file:\n    - SHA256:${SUM}\nE: Download Failed\n`;
    expect(parseFetchFaults(stderr)).toEqual([
      { uri: "http://a/x%2b1.deb", said: "404  Not Found [IP: 192.0.2.1 80]" },
      { uri: "http://a/y.deb", said: "Hash Sum mismatch", received: SUM },
    ]);
  });

  it("explains why a set cannot be", () => {
    const stdout =
      "Some packages could not be installed. This may mean that\nadvice\nThe following packages have unmet dependencies:\n a : Depends: b but it is not installable\n";
    const stderr = "W: noise\nE: Unable to correct problems, you have held broken packages.\n";
    expect(explanation(stdout, stderr)).toBe(
      "The following packages have unmet dependencies:\n a : Depends: b but it is not installable\nE: Unable to correct problems, you have held broken packages.",
    );
    expect(explanation("The following packages will be REMOVED:\n  x y\nNotes\n", "E: no\n")).toBe(
      "The following packages will be REMOVED:\n  x y\nE: no",
    );
  });
});
