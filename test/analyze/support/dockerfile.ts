/** A project whose image `i` is built from a Dockerfile, with bases, tables and programs for rules. */
import { analyze, type Analysis, type KnownResults } from "../../../src/analyze/index.js";
import { knownPackages, memoryReader, ROOT, SHIPPED } from "./project.js";

const BEFORE = `source s { go_module = "example.org/s", version = v1.0.0 }
source d { go_module = "example.org/d", version = v1.0.0 }
toolchain go { go = v1.26.8 }
component c { source = source.s, go { toolchain = toolchain.go, packages = { prog = ".", web = "./web" } } }
base debian { debian { suite = bookworm }, env = { PATH = "/base/bin" } }
packages alpine {
  from = "alpine"
  to = base.debian
  "bind-tools" -> ["bind9-dnsutils"]
  "curl" -> same
  "musl-dev" -> deny("no musl")
}
packages debian { from = "debian", to = base.debian, default -> same }
`;

/** The recipe whose image `i` has `body` beside its Dockerfile. */
export function recipeWith(body: string): string {
  return `${BEFORE}image i {\n  dockerfile = source.s / "i/Dockerfile"\n  ${body}\n}\n`;
}

/** What is known of every Dockerfile, and of the archive. */
export function knownDockerfile(text: string | undefined): KnownResults {
  const packages = knownPackages({ curl: "7.88.1-10", "bind9-dnsutils": "1:9.18" });
  return { ...packages, dockerfile: () => text };
}

/** Analyzes a recipe that is built from a Dockerfile of this text; undefined: not read yet. */
export function analyzeDockerfile(text: string | undefined, body = ""): Analysis {
  return analyze({
    root: ROOT,
    entry: [`${ROOT}/project.kmips`],
    reader: memoryReader({ "project.kmips": recipeWith(body), file: "" }),
    shipped: SHIPPED,
    known: knownDockerfile(text),
  });
}
