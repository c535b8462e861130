/** apt's lists of archives (sources.list(5)), in both of their forms, and which one has a suite. */
import { parseParagraph, splitParagraphs, wordsOf } from "./control.js";

/** One line or paragraph for binary packages. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** The entries of a one-line list: `deb [options] URI SUITE COMPONENT…`. */
export function parseSourcesList(text: string): AptSource[] {
  return text.split("\n").flatMap((line) => {
    const entry = line.replace(/#.*$/, "").trim();
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)(.*)$/.exec(entry);
    if (match === null) return [];
    const [, uri = "", suite = "", rest = ""] = match;
    const components = rest.split(/\s+/).filter((word) => word !== "");
    return [{ uris: [uri], suites: [suite], components }];
  });
}

/** The entries of a `.sources` file that are enabled. */
export function parseSourcesFile(text: string): AptSource[] {
  return [...splitParagraphs(text)].flatMap((text) => {
    const paragraph = parseParagraph(text);
    if (/^(?:no|false|without|off|disable|0)$/i.test(paragraph.get("enabled") ?? "yes")) return [];
    if (!wordsOf(paragraph, "types").includes("deb")) return [];
    return [
      {
        uris: wordsOf(paragraph, "uris"),
        suites: wordsOf(paragraph, "suites"),
        components: wordsOf(paragraph, "components"),
      },
    ];
  });
}

/**
 * The address of the Debian archive that has `suite`, by what the machine's lists name: one that
 * lists the suite itself, else the plain archive of which it is a part. Undefined when none is.
 *
 * Archives of third parties often use Debian's names of suites and components: of several entries
 * the one at an address that ends as Debian's do counts first. Which one is right in the end is
 * decided by the signature.
 */
export function archiveFor(suite: string, sources: readonly AptSource[]): string | undefined {
  const withMain = sources.filter(({ components }) => components.includes("main"));
  const own = suite.endsWith("-security") ? "debian-security" : "debian";
  const named = withMain.filter(({ suites }) => suites.includes(suite)).flatMap(({ uris }) => uris);
  const plain = withMain.flatMap(({ uris }) => uris).filter((uri) => endsIn(uri, own));
  return named.find((uri) => endsIn(uri, own)) ?? named[0] ?? plain[0];
}

function endsIn(uri: string, directory: string): boolean {
  return uri.replace(/\/+$/, "").endsWith(`/${directory}`);
}
