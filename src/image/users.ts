/**
 * /etc/passwd and /etc/group: the image's users merged into the rows that the base has.
 * Formats: passwd(5) and group(5).
 */
import type { ImageUser } from "../model/node.js";

/** The text with a row for each user; a row of the same name is replaced in its place. */
export function mergePasswd(text: string, users: readonly ImageUser[]): string {
  return mergeRows(
    text,
    users.map(({ name, uid, gid, home, shell }) => [
      name,
      `${name}:x:${uid}:${gid}::${home}:${shell}`,
    ]),
  );
}

/** The text with a group for each user, named like it; a row of the same name is replaced. */
export function mergeGroup(text: string, users: readonly ImageUser[]): string {
  return mergeRows(
    text,
    users.map(({ name, gid }) => [name, `${name}:x:${gid}:`]),
  );
}

function mergeRows(text: string, rows: readonly (readonly [string, string])[]): string {
  const lines = text.split("\n").filter((line) => line !== "");
  for (const [name, row] of rows) {
    const at = lines.findIndex((line) => line.startsWith(`${name}:`));
    if (at === -1) lines.push(row);
    else lines[at] = row;
  }
  return lines.map((line) => `${line}\n`).join("");
}
