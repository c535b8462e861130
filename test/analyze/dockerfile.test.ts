import { describe, expect, it } from "vitest";
import { analyze, type Analysis, type KnownResults } from "../../src/analyze/index.js";
import type { GraphNode } from "../../src/model/node.js";
import { memoryReader, print, ROOT, SHIPPED } from "./support/project.js";

/** The recipe before the image, with the bases, tables and programs that rules name. */
const BEFORE = `source kubernetes { go_module = "k8s.io/kubernetes", version = v1.16.2 }
toolchain go { go = v1.26.8 }
component agnhost {
  source = source.kubernetes
  go { toolchain = toolchain.go, packages = { agnhost = "./test/images/agnhost", web = "./web" } }
}
base debian { debian { suite = bookworm } }
packages alpine {
  from = "alpine"
  to   = base.debian
  "bind-tools"     -> ["bind9-dnsutils"]
  "netcat-openbsd" -> same
  "iproute2"       -> same
  "iperf"          -> same
  "bash"           -> same
  "curl"           -> same
  "musl-dev"       -> deny("no musl")
}
packages debian { from = "debian", to = base.debian, default -> same }
`;

/** Packages of the archive. */
const NAMES = ["bind9-dnsutils", "netcat-openbsd", "iproute2", "iperf", "bash", "curl", "redis"];

function known(text: string | undefined): KnownResults {
  return {
    dockerfile: () => text,
    packageNames: () => ({
      has: (name) => NAMES.includes(name),
      near: (name) => NAMES.filter((candidate) => candidate[0] === name[0]),
      versions: (name) => (NAMES.includes(name) ? ["1.0-1"] : []),
    }),
  };
}

/** Analyzes an image with `dockerfile` as the text of its Dockerfile; `body` adds to the image. */
function build(dockerfile: string | undefined, body: string, before = BEFORE): Analysis {
  const recipe = `${before}image i {
  dockerfile = source.kubernetes / "images/i/Dockerfile"
  ${body}
}
`;
  return analyze({
    root: ROOT,
    entry: [`${ROOT}/project.kmips`],
    reader: memoryReader({ "project.kmips": recipe }),
    shipped: SHIPPED,
    known: known(dockerfile),
  });
}

describe("x",()=>{ it("y",()=>{
 const a = build(`FROM BASEIMAGE

CROSS_BUILD_COPY qemu-QEMUARCH-static /usr/bin/

RUN apk --update add bind-tools curl netcat-openbsd iproute2 iperf bash && rm -rf /var/cache/apk/* \\
  && ln -s /usr/bin/iperf /usr/local/bin/iperf \\
  && ls -altrh /usr/local/bin/iperf

EXPOSE 8080 8081 9376

RUN mkdir /uploads

ADD porter/localhost.crt localhost.crt
ADD porter/localhost.key localhost.key

ADD agnhost agnhost

RUN ln -s agnhost agnhost-2

ENTRYPOINT ["/agnhost"]
CMD ["pause"]
`, `rewrite { from = { "BASEIMAGE" = base.debian }, apk = packages.alpine, drop = [re"^CROSS_BUILD_COPY "] }
  files { "agnhost" -> component.agnhost.agnhost, "/etc/x" -> text("a") }`);
 console.log(a.diagnostics.map(print), a.unknown, a.notes);
 for (const [k,n] of a.graph?.nodes ?? []) if(k.startsWith("image")) console.log(k, JSON.stringify(n.definition), n.doc, n.dependencies);
})});
