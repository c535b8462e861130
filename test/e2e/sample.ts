/** A small project that does real work: patched sources, C programs, images on images, tests. */

/** Text of a program that prints `words` and the header's number. */
function program(words: string): string {
  return `#include <stdio.h>
#include <string.h>
#include "number.h"
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("%zu ", strlen(argv[i]));
  printf("${words} %d\\n", NUMBER);
  return 0;
}
`;
}

const COMPONENTS = ["one", "two", "three"] as const;

/** The files of the project; everything that it builds depends on `number`. */
export function sampleProject(number: number): Record<string, string> {
  const parts = COMPONENTS.map(
    (name) => `
component ${name} {
  source = source.words
  patches { patch "greet.patch" { reason = "The words are to be friendlier than they are" } }
  c {
    toolchain = toolchain.cc
    programs  = { ${name} = ["${name}.c"] }
    flags     = ["-O2", "-static", "-s"]
  }
}
image ${name} {
  from    = image.base
  version = v1.0.${number}
  files { "/bin/${name}" -> component.${name}.${name} }
  entrypoint = ["/bin/${name}"]
  test "speaks" { cmd = ["/bin/${name}", "abc"], expect = re"^3 hello ${name} ${number}$" }
}
`,
  );
  return {
    "project.kmips": `kmips 1
import "kmips:toolchain/cc.kmips"
project { name = "sample", targets = [mips64le] }
source words { directory = "words" }
image base {
  version = v1.0.${number}
  files { "/etc/motd" -> text("number ${number}\\n") }
  user "web" { uid = 1000, gid = 1000 }
}
${parts.join("")}
group all { members = [${COMPONENTS.map((name) => `image.${name}`).join(", ")}] }
`,
    "words/number.h": `#define NUMBER ${number}\n`,
    "words/greeting.txt": "one\ntwo\nthree\n",
    ...Object.fromEntries(COMPONENTS.map((name) => [`words/${name}.c`, program(`hello ${name}`)])),
    "greet.patch": `Say hello ${number} times

--- a/greeting.txt
+++ b/greeting.txt
@@ -1,3 +1,3 @@
 one
-two
+hello ${number}
 three
`,
  };
}
