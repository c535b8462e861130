import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitExec, splitRun, type SplitRun } from "../../src/dockerfile/index.js";
import { joinCommands, splitShell } from "../../src/dockerfile/shell.js";

const ENV: Readonly<Record<string, string>> = { V: "1.2", LIST: "a b", EMPTY: "" };
const lookup = (name: string): string | undefined => ENV[name];
const split = (text: string, drop?: RegExp): SplitRun =>
  splitRun(text, lookup, (command) => drop?.test(command) ?? false);

/** Parts in one line each: `install apk a b`, `run TEXT`. */
const shown = ({ parts }: SplitRun): string[] =>
  parts.map((part) =>
    part.type === "shell"
      ? `run ${part.text}`
      : `install ${part.manager} ${part.names.map(({ name, version }) => (version === undefined ? name : `${name}=${version}`)).join(" ")}`,
  );

describe("a shell text", () => {
  it.each<[string, [string, string[] | undefined, string][]]>([
    ["a b", [["a b", ["a", "b"], ""]]],
    [
      "a && b; c\nd",
      [
        ["a", ["a"], "&&"],
        ["b", ["b"], ";"],
        ["c", ["c"], ";"],
        ["d", ["d"], ""],
      ],
    ],
    ["a 'x && y' \"z;\" \\&", [["a 'x && y' \"z;\" \\&", ["a", "x && y", "z;", "&"], ""]]],
    [
      "a | b && c > /d",
      [
        ["a | b", undefined, "&&"],
        ["c > /d", undefined, ""],
      ],
    ],
    [
      "a 2>&1 && b",
      [
        ["a 2>&1", undefined, "&&"],
        ["b", ["b"], ""],
      ],
    ],
    [
      "a $(b && c) && d",
      [
        ["a $(b && c)", undefined, "&&"],
        ["d", ["d"], ""],
      ],
    ],
    [
      "a `b; c`; d",
      [
        ["a `b; c`", undefined, ";"],
        ["d", ["d"], ""],
      ],
    ],
    [
      "(a; b) && c",
      [
        ["(a; b)", undefined, "&&"],
        ["c", ["c"], ""],
      ],
    ],
    ['a $V "$LIST" $LIST$EMPTY $NO', [['a $V "$LIST" $LIST$EMPTY $NO', undefined, ""]]],
    [
      'a x-$V "$LIST" $LIST $EMPTY',
      [['a x-$V "$LIST" $LIST $EMPTY', ["a", "x-1.2", "a b", "a", "b"], ""]],
    ],
    [
      "V=2 && a $V",
      [
        ["V=2", ["V=2"], "&&"],
        ["a $V", undefined, ""],
      ],
    ],
    [
      "export V=2; a ${V}",
      [
        ["export V=2", ["export", "V=2"], ";"],
        ["a ${V}", undefined, ""],
      ],
    ],
    [
      ". ./env && a $V",
      [
        [". ./env", [".", "./env"], "&&"],
        ["a $V", undefined, ""],
      ],
    ],
    ["a ~/b", [["a ~/b", undefined, ""]]],
    [
      "a &&\n  b\n\nc",
      [
        ["a", ["a"], "&&"],
        ["b", ["b"], ";"],
        ["c", ["c"], ""],
      ],
    ],
  ])("%j", (text, commands) => {
    expect(splitShell(text, lookup)).toMatchObject(
      commands.map(([command, words, operator]) => ({
        text: command,
        words: words?.map((word) => ({ text: word })),
        operator,
      })),
    );
  });

  it.each([
    "a || b",
    "a & b",
    "if a; then b; fi",
    "for x in a; do b; done",
    "{ a; b; }",
    "! a",
    "a <<E\nb\nE",
    "a # b && c",
    "f() { a; }",
    "a '",
    'a "',
    "a `",
    "a $(b",
    "a (b)",
    "a && && b",
    "a &&",
    "case x in y) z;; esac",
    "a $(case x in y) z;; esac)",
    "diff <(a) <(b)",
    "a \\",
    "a ${V:-$(b)}",
  ])("is left whole: %j", (text) => {
    expect(splitShell(text, lookup)).toBeUndefined();
  });

  it("is the same after splitting and joining, and stays so", () => {
    const word = fc.constantFrom(
      "a",
      "-b",
      "'c d'",
      '"e $V"',
      "f*",
      "$V",
      "x=1",
      "$(g h)",
      "\\;",
      ">o",
    );
    const command = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join(" "));
    const operator = fc.constantFrom(" && ", "; ", ";", "&&");
    const text = fc
      .tuple(command, fc.array(fc.tuple(operator, command), { maxLength: 5 }))
      .map(([first, others]) => first + others.map(([between, next]) => between + next).join(""));
    const plain = (shell: string): string => shell.replace(/\s*(&&|;)\s*/g, "$1");
    fc.assert(
      fc.property(text, (shell) => {
        const commands = splitShell(shell, lookup);
        expect(commands).toBeDefined();
        const joined = joinCommands(commands!);
        expect(plain(joined)).toBe(plain(shell));
        expect(splitShell(joined, lookup)).toEqual(commands);
      }),
    );
  });

  it("never throws", () => {
    const piece = fc.constantFrom(
      ..."a|'|\"|`|$|$(|)|${|}|&&|;|\n|\\|||&|<|>|<<|#|*|~|if|apk add x|apt-get install y".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 20 }),
        (parts) => {
          split(parts.join(" "));
          split(parts.join(""));
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe("a RUN", () => {
  it.each([
    [
      "apk --update add bind-tools curl && rm -rf /var/cache/apk/* && ln -s /a /b && ls -al /b",
      ["install apk bind-tools curl", "run ln -s /a /b && ls -al /b"],
    ],
    [
      "apk add apparmor libapparmor --update-cache --repository http://x/testing/ --allow-untrusted",
      ["install apk apparmor libapparmor"],
    ],
    ["apk add --no-cache --virtual .deps a=1.2-r0 b~=3 c@edge", ["install apk a=1.2-r0 b c"]],
    ["apk update && apk upgrade", []],
    [
      "yum -y install /usr/bin/ps nfs-utils && yum clean all",
      ["install dnf /usr/bin/ps nfs-utils"],
    ],
    [
      "dnf -y --setopt tsflags=nodocs install a-1.2.x86_64 && rm -rf /var/cache/dnf && b",
      ["install dnf a-1.2.x86_64", "run b"],
    ],
    ["microdnf update && microdnf install a && microdnf clean all", ["install dnf a"]],
    ["apt-get -q update && apt-get install -y dnsutils && apt-get clean", ["install apt dnsutils"]],
    [
      "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y -o X=y --no-install-recommends a=1 b:mips64el c/stable g++ && rm -rf /var/lib/apt/lists/*",
      ["install apt a=1 b c g++"],
    ],
    ["clean-install stress", ["install apt stress"]],
    ["apt-get install -y cuda-samples-$V $LIST", ["install apt cuda-samples-1.2 a b"]],
    ["a && apk add b && c", ["run a", "install apk b", "run c"]],
    ["a; apk add b; c", ["run a; true", "install apk b", "run c"]],
    ["set -e; a; apk add b; c", ["run set -e; a", "install apk b", "run set -e && c"]],
    ["set -ex && cd /x && apk add b && make", ["install apk b", "run set -ex && cd /x && make"]],
    ["apk add a && apk add b a", ["install apk a b"]],
    ["a && apt-get update; b", ["run a; b"]],
    ["mkdir -p /run/nginx", ["run mkdir -p /run/nginx"]],
    ["a || b", ["run a || b"]],
    ["rm -rf /var/cache/apk/* /tmp/x", ["run rm -rf /var/cache/apk/* /tmp/x"]],
    ["pip --version", ["run pip --version"]],
  ])("%s", (text, parts) => {
    const result = split(text);
    expect(result.problems).toEqual([]);
    expect(shown(result)).toEqual(parts);
  });

  it("knows whether recommended packages are wanted", () => {
    const recommends = (text: string): unknown =>
      split(text).parts.map((part) => part.type === "install" && part.recommends);
    expect(recommends("apt-get install -y a")).toEqual([true]);
    expect(recommends("apt-get install -y --no-install-recommends a")).toEqual([false]);
    expect(recommends("clean-install a")).toEqual([false]);
    expect(recommends("apk add a")).toEqual([false]);
    expect(recommends("dnf install a")).toEqual([false]);
  });

  it("leaves out what is dropped", () => {
    expect(shown(split("apk add a && apk del a && b", /^apk del/))).toEqual([
      "install apk a",
      "run b",
    ]);
  });

  it.each([
    ["zypper install -y a", /"zypper" has no rule/],
    ["microdnf --installroot /x install a", /"microdnf" for another root/],
    ["yum groupinstall tools", /"yum groupinstall" has no rule/],
    ["dnf remove -y a", /"dnf remove"/],
    ["dnf install https://example.org/a.rpm", /is a file/],
    ["yum install ./a.rpm", /is a file/],
    ["yum install a*", /pattern/],
    ["yum install @tools", /not a package name/],
    ["python3 -m pip install a", /"pip"/],
    ["pip3 install a", /"pip3"/],
    ["dpkg -i a.deb", /"dpkg"/],
    ["apk del a", /apk del/],
    ["apt-get purge -y a", /apt-get purge/],
    ["apt-get install ./a.deb", /is a file/],
    ["apt-get install -y a-", /removes a package/],
    ["apk add 'a b'", /not a package name/],
    ["apk add a*", /not a package name|pattern/],
    ["apk --root /x add a", /another root/],
    ["if x; then apt-get install -y a; fi", /"apt-get install" stands in a shell construct/],
    ["apt-get install -y $NO", /"apt-get install" stands/],
    [
      "a || apk add --no-cache b",
      /"apk add" stands|"apk add --no-cache"|apk --no-cache add|stands in/,
    ],
    ["echo y | apt-get -y install a", /apt-get -y install/],
  ])("is refused: %s", (text, message) => {
    expect(
      split(text)
        .problems.map((problem) => problem.message)
        .join(),
    ).toMatch(message);
  });

  it("may have the exec form", () => {
    expect(splitExec(["/fixup-apt-list.sh"])).toBeUndefined();
    expect(shown(splitExec(["apt-get", "install", "-y", "a"])!)).toEqual(["install apt a"]);
    expect(splitExec(["pip", "install", "a"])?.problems).toHaveLength(1);
  });
});
