/** Images: ELF check, layers, configs, manifests, indexes, unpacking and export. */
export { imageConfig, type ImageConfigDocument, type RuntimeConfig } from "./config.js";
export {
  checkElf,
  describeElf,
  ELF_HEADER_BYTES,
  isElf,
  readElfHeader,
  type ElfHeader,
  type ElfVerdict,
} from "./elf.js";
export { readLayers } from "./file-tree.js";
export { compressLayer, GZIP_LEVEL } from "./compress.js";
export {
  packLayer,
  writeDockerArchive,
  writeLayout,
  type ExportedImage,
  type ExportOptions,
  type PackedLayer,
} from "./export.js";
export { foreignChanges } from "./foreign-layers.js";
export { assembleImage, assembleIndex, layeredImage, manifestOf } from "./image.js";
export type { ImageInputs } from "./inputs.js";
export { readImage, type ImageManifest, type StoredImage } from "./manifest.js";
export {
  readLayerEntries,
  rootChanges,
  snapshotRoot,
  storeChanges,
  type RootChange,
  type RootEntry,
  type RootSnapshot,
} from "./root-changes.js";
export { similarPaths } from "./similar-paths.js";
export { rootFileSystem } from "./root-file-system.js";
