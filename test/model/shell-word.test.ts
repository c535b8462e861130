import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellWord } from "../../src/model/shell-word.js";

it.each(["image.etcd", "image.hello[mips64le]", "/a b/it's", "$HOME", "*", "", "a\nb", "ä", "~"])(
  "%j is one word to sh",
  (text) => {
    const said = execFileSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" });
    expect(said).toBe(text);
  },
);

it("leaves what needs no quotes as it is", () => {
  expect(shellWord("image.etcd")).toBe("image.etcd");
  expect(shellWord("image.hello[mips64le]")).toBe("'image.hello[mips64le]'");
});
