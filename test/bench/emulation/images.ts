/** The images of the comparison by their Dockerfiles, with the files that those copy. */
import type { Digest, Store } from "../../../cache/index.js";
import {
  agnhostDockerfile,
  goDockerfile,
  libraryDockerfile,
  pauseDockerfile,
  withoutBase,
  type GoImage,
} from "./dockerfile.js";

/** An image by its Dockerfile: the files of its context by their paths, the Dockerfile among them. */
export interface PeerImage {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Its program, which must be the one that kmips builds. */
  readonly program?: SameProgram;
}

export interface SameProgram {
  /** In the image, relative to its root. */
  readonly path: string;
  readonly component: string;
  readonly output: string;
}

const GO_IMAGES: readonly (GoImage & { readonly same: SameProgram })[] = [
  {
    program: "mounttest",
    directory: "test/images/mounttest",
    further: [],
    same: { path: "mounttest", component: "component.mounttest", output: "mounttest" },
  },
  {
    program: "nnp",
    directory: "test/images/nonewprivs",
    further: withoutBase,
    same: { path: "usr/local/bin/nnp", component: "component.nonewprivs", output: "nnp" },
  },
  {
    program: "test-webserver",
    directory: "test/images/test-webserver",
    further: [],
    same: {
      path: "test-webserver",
      component: "component.test_webserver",
      output: "test_webserver",
    },
  },
];
/** The programs need no other module. */
const GO_MOD = "module k8s.io/kubernetes\n\ngo 1.12\n";

/** Three Go images and one in C, from the tree of Kubernetes. */
export function compiledImages(store: Store, kubernetes: Digest): PeerImage[] {
  const read = (path: string): string => readSource(store, kubernetes, path);
  const paths = store.listTree(kubernetes).map(({ path }) => path);
  const go = GO_IMAGES.map((image): PeerImage => {
    const { program, directory, same } = image;
    const sources = paths.filter(
      (path) =>
        path.startsWith(`${directory}/`) && /^[^/]+\.go$/.test(path.slice(directory.length + 1)),
    );
    const dockerfile = goDockerfile(read(`${directory}/Dockerfile`), image);
    const files = Object.fromEntries(sources.map((path) => [path, read(path)]));
    const context = { ...files, "go.mod": GO_MOD, Dockerfile: dockerfile };
    return { name: program, files: context, program: same };
  });
  const dockerfile = pauseDockerfile(read("build/pause/Dockerfile"));
  const pause = { "pause.c": read("build/pause/pause.c"), Dockerfile: dockerfile };
  return [...go, { name: "pause", files: pause }];
}

/** Two images of Debian packages. */
export function packageImages(): PeerImage[] {
  const logs = ["access", "error"].map(
    (log, at) => `ln -sf /dev/${["stdout", "stderr"][at]} /var/log/nginx/${log}.log`,
  );
  const nginx = libraryDockerfile("nginx-light", logs.join(" && "), [
    "COPY default /etc/nginx/sites-enabled/default",
    "COPY index.html /usr/share/nginx/html/index.html",
    'CMD ["nginx", "-g", "daemon off;"]',
    "EXPOSE 80",
  ]);
  const redis = libraryDockerfile("redis-server", "install -d -o 999 -g 999 /data", [
    "VOLUME /data",
    "WORKDIR /data",
    'CMD ["redis-server", "--protected-mode", "no"]',
    "EXPOSE 6379",
  ]);
  const site = "server {\n  listen 80;\n  root /usr/share/nginx/html;\n}\n";
  const page = "<h1>Welcome to nginx!</h1>\n";
  return [
    { name: "nginx", files: { Dockerfile: nginx, default: site, "index.html": page } },
    { name: "redis", files: { Dockerfile: redis } },
  ];
}

/** agnhost but for its program, which the context has to hold as well. */
export function agnhostImage(store: Store, kubernetes: Digest): PeerImage {
  const read = (path: string): string =>
    readSource(store, kubernetes, `test/images/agnhost/${path}`);
  const certificate = ["porter/localhost.crt", "porter/localhost.key"];
  const files = Object.fromEntries(certificate.map((path) => [path, read(path)]));
  return {
    name: "agnhost",
    files: { ...files, Dockerfile: agnhostDockerfile(read("Dockerfile")) },
  };
}

function readSource(store: Store, tree: Digest, path: string): string {
  const bytes = store.readTreeFile(tree, path);
  if (bytes === undefined) throw new Error(`Kubernetes' source has no ${path}`);
  return bytes.toString();
}
