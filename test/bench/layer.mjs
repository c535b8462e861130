/**
 * One 40 MB program from a file to a compressed layer as `kmips build` and `kmips export --compress`
 * do it, against nothing but zlib: one stream, as Node offers it, from memory to nowhere. kmips may
 * use every processor; it does everything else besides.
 */
import { closeSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { loadBundle } from "./bundle.mjs";
import { raceFunctions } from "./measure.mjs";

const FILE_BYTES = 40_000_000;
const CHUNK_BYTES = 1024 * 1024;
const SOURCES = `
export { openStore } from "./cache/index.ts";
export { assembleImage, packLayer } from "./src/image/index.ts";
export { archByAlias, platformOf } from "./src/model/platform.ts";
export { MemoryLocker } from "./test/cache/support/memory-locker.ts";
`;

/** Times in ms of kmips (read, tar, sha256, store, read, verify, gzip, sha256, write) and of zlib. */
export async function layerTimes(root, directory, level, runs) {
  const kmips = await loadBundle(root, directory, "image", SOURCES);
  const program = join(directory, "program");
  const bytes = Buffer.alloc(FILE_BYTES);
  const source = openSync(process.execPath, "r");
  readSync(source, bytes, 0, FILE_BYTES, 0);
  closeSync(source);
  writeFileSync(program, bytes);
  const store = await kmips.openStore(join(directory, `layer-store-${level}`), {
    locker: new kmips.MemoryLocker(),
    durable: false,
  });
  const platform = kmips.platformOf(kmips.archByAlias(process.arch));
  const config = { entrypoint: [], cmd: [], env: {}, labels: {}, ports: [], volumes: [] };

  const own = async () => {
    const content = { type: "local", path: program };
    const { outputs } = kmips.assembleImage(
      {
        kind: "image",
        files: [{ path: "/bin/program", content, uid: 0, gid: 0 }],
        directories: [],
        users: [],
        config,
        reference: "bench:1",
        platform,
        epoch: 0,
      },
      { store },
    );
    const layer = outputs.find((output) => output.name === "layer/0");
    const packed = await kmips.packLayer(store, layer.digest, { directory, gzipLevel: level });
    for (const made of [packed.path, store.blobPath(layer.digest)]) rmSync(made);
  };
  const bare = async () => {
    const gzip = createGzip({ level, memLevel: 9, chunkSize: CHUNK_BYTES });
    const ended = new Promise((resolve) => gzip.on("end", resolve));
    gzip.on("data", () => {});
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      await new Promise((resolve) => gzip.write(bytes.subarray(at, at + CHUNK_BYTES), resolve));
    }
    gzip.end();
    await ended;
  };
  try {
    return await raceFunctions([own, bare], runs);
  } finally {
    await store.close();
  }
}
