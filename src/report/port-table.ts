/** The table of a port as Markdown, and its place in a document. */
import type { PortTable, PortTableRow } from "../model/port-table.js";

const HEADER = ["", "wanted", "is", "from", "patches", "tests", "digest"];

/** The table, with a closing line about the last full build when one is recorded. */
export function renderPortTable({ rows, run }: PortTable): string {
  const lines = [HEADER, HEADER.map(() => "---"), ...rows.map(cellsOf)].map(
    (cells) => `| ${cells.map(escape).join(" | ")} |`,
  );
  const closing =
    run === undefined
      ? "No full build is recorded."
      : `Last recorded build of \`${run.group}\`: ${run.date}, ${run.text}; digest over all images \`${run.images}\`.`;
  return `${lines.join("\n")}\n\n${closing}\n`;
}

function cellsOf({
  kind,
  name,
  wanted,
  built,
  sources,
  patches,
  digest,
  tests,
  note,
}: PortTableRow): string[] {
  const [, state, reason = note] = /^(open|not wanted): (.*)$/s.exec(note) ?? [];
  const from = [...sources.map((source) => `\`${source}\``), ...(reason === "" ? [] : [reason])];
  return [
    kind === "component" ? `**${name}**` : name,
    wanted,
    state ?? built ?? "",
    from.join("; "),
    patches.length === 0
      ? ""
      : `${patches.length}: ${patches.map((patch) => patch.replace(/\.patch$/, "")).join(", ")}`,
    tests,
    digest === undefined ? "" : `\`${digest.slice(0, 19)}\``,
  ];
}

function escape(cell: string): string {
  return cell.replaceAll("|", "\\|").replaceAll("\n", " ");
}

const BEGIN = /^<!-- kmips images --rows .*-->$/m;
const END = "<!-- end of the table -->";

/** The document with the table between its markers; undefined when it has none. */
export function insertPortTable(document: string, table: string): string | undefined {
  const begin = BEGIN.exec(document);
  if (begin === null) return undefined;
  const start = begin.index + begin[0].length;
  const end = document.indexOf(END, start);
  if (end === -1) return undefined;
  return `${document.slice(0, start)}\n\n${table}\n${document.slice(end)}`;
}
