/** The recipe of the language's reference: one of everything. */
import type { Project } from "./project.js";

export const EXAMPLE = `kmips 1
import "kmips:toolchain.kmips"

project {
  name    = "kubernetes-on-mips"
  targets = [mips64le]
  epoch   = 1970-01-01T00:00:00Z
}
target soft { arch = mips64le, float = softfloat }

source kubernetes { go_module = "k8s.io/kubernetes", version = v1.16.2 }
source etcd { git = "https://example.org/etcd.git", commit = "94745a4eed0425653b3b4275a208d38babceeaec" }
source blob { archive = "vendor/blob.tar.gz", digest = sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef, strip = 1 }
source beside { directory = "src", include = [glob"**/*.go"], exclude = [] }
source named { files = ["src/main.go", "src/go.mod"], base = "src" }
source coredns { go_module = "github.com/coredns/coredns", version = v1.6.5 }

toolchain cc { cc = gcc }

## Etcd, the store.
component etcd {
  version = v3.3.15
  source  = source.etcd
  patches {
    patch "patches/0001-a.patch" { reason = "alignment", upstream = "https://example.org/1", when = target.arch in [mips64le] }
    patch "patches/0002-b.patch" { reason = "fixed later", retire = self.version >= v3.3.0 }
  }
  gomod {
    file = "etcd.mod", go = v1.13, drop = ["k8s.io/node-api"]
    require = { "k8s.io/api" = v0.0.0-20191016110408-35e52d86657a }
    replace = { "vbom.ml/util" = module("github.com/fvbommel/util", v0.0.1), "github.com/modern-go/reflect2" = v1.0.2 }
    patch "github.com/coreos/bbolt" { version = v1.3.1-coreos.6, patches { patch "patches/0003-c.patch" { reason = "bolt" } } }
  }
  go { toolchain = toolchain.go, packages = { etcd = ".", etcdctl = "./etcdctl" }, ldflags = ["-s", "-w"], tags = [] }
}
component pause {
  source = source.kubernetes
  c { toolchain = toolchain.cc, programs = { pause = ["build/pause/pause.c"] }, flags = ["-Os", "-static"] }
}
component coredns = go_program(src = source.coredns, pkg = ".") { version = v1.6.5, go { ldflags += ["-X", "x.y=z"] } }
component child extends component.coredns { override version = v2.0.0 }

image etcd {
  from    = scratch
  name    = "etcd"
  version = v3.3.15
  files { "/usr/local/bin/etcd" -> component.etcd.etcd, "/etc/x.conf" -> file(local("x.conf"), mode = 0o600), "/html" -> tree(source.kubernetes, "test/images/kitten/html") }
  directory "/data" { mode = 0o700, uid = 1000, gid = 1000 }
  user "web" { uid = 1000, gid = 1000, home = "/", shell = "/sbin/nologin" }
  run_as = "web"
  entrypoint = ["/usr/local/bin/etcd"]
  cmd = [], env = { A = "b" }, labels = {}, workdir = "/", ports = [2379], volumes = ["/data"], stop_signal = "SIGTERM"
  test "puts and gets" {
    timeout = 90s, env = {}
    files { "/etc/Corefile" -> text(<<cfg
      .:1053 {
      }
    cfg
    ) }
    service "etcd" { cmd = ["/usr/local/bin/etcd"], env = {}, ready = tcp(2379) }
    step "put" { cmd = ["/usr/local/bin/etcdctl", "put", "a", "b"], env = {}, exit = 0, expect = re"OK" }
    step "get" { http = "http://127.0.0.1:2379/version", method = "GET", status = 200, expect = re"3\\.3\\.15" }
    step "name" { dns = "a.example.org", record = A, server = "127.0.0.1:1053", expect = re"10\\.0\\.0\\.1" }
    step "stops" { signal = TERM, service = "etcd", exit = 0 }
  }
  test "version" { cmd = ["/usr/local/bin/etcd", "--version"], expect = re"3\\.3\\.15" }
}
image hello { files { "/pause" -> component.pause } }
base debian {
  debian { suite = bookworm, variant = minbase, include = ["ca-certificates"], components = ["main"], suites = ["bookworm"], exclude_paths = [glob"/usr/share/doc/*"], keep_paths = [], scripts = chrootless, recommends = false }
  budget { size = 260MiB, emulated = 0s }
}
packages alpine { from = "alpine", to = base.debian, "bind-tools" -> ["bind9-dnsutils"], "curl" -> same, "musl-dev" -> deny("no musl"), default -> ask }
image tools {
  from = base.debian, install = ["bind-tools", "curl"], packages = packages.alpine, scripts = split
  run "stamp" { env = { A = "b" }, network = off, user = "root", workdir = "/", after = install, script = <<sh
    echo "$A" > /release
  sh
  }
  run "check" { cmd = ["/bin/true"] }
}
index hello { images = [image.hello], tag = "all" }
group conformance { members = [image.etcd, image.hello] }
`;

export const EXAMPLE_PROJECT: Project = {
  "project.kmips": EXAMPLE,
  "kmips:toolchain.kmips": `toolchain go { go = v1.26.8 }
template go_program(src: Source, pkg: Str, go: Toolchain = toolchain.go) -> component {
  source = src
  go { toolchain = go, packages = { main = pkg }, ldflags = ["-s"] }
}
`,
  "vendor/blob.tar.gz": "",
  "src/main.go": "",
  "src/go.mod": "",
  "patches/0001-a.patch": "",
  "patches/0003-c.patch": "",
  "etcd.mod": "",
  "x.conf": "",
};
