/** The public surface of the cache. */
export {
  ARCHIVE_VERSION,
  ArchiveWriter,
  type ArchiveEntry,
  type ArchiveOptions,
  type Content,
  type EntryInput,
  type EntryType,
} from "./archive.js";
export { ArchiveReader, type ArchiveVisitor } from "./archive-reader.js";
export type { Inspection, PutResult, Tombstone } from "./action-cache.js";
export type { BlobWriter, StoredBlob } from "./blob-writer.js";
export {
  actionKey,
  canonicalBytes,
  KEY_SCHEMA,
  resultDigest,
  type CanonicalValue,
} from "./canonical.js";
export type { CaptureOptions } from "./capture.js";
export type { CollectionReport } from "./collect.js";
export type { CollectionPlan, CollectOptions, PlannedFile, PlannedRecord } from "./collect-plan.js";
export { checkedText, parseCheckedText } from "./checked-text.js";
export { isDescriptor, MEDIA_TYPES, REFERENCE_ANNOTATION, type Descriptor } from "./descriptor.js";
export { digestOf, DigestStream, hexOf, isDigest, type Digest } from "./digest.js";
export {
  ArchiveError,
  ClockSkewError,
  CorruptBlobError,
  DigestMismatchError,
  errnoOf,
  MissingBlobError,
  StorageError,
  StoreBusyError,
  StoreFormatError,
} from "./errors.js";
export { FileIndex } from "./file-index.js";
export { STORE_FORMAT, StorePaths } from "./layout.js";
export type { LockHandle, Locker } from "./locker.js";
export { compareUtf8 } from "./order.js";
export type { ActionRecord, Field, FieldValue, Output } from "./record.js";
export { openStore, Store, type StoreOptions } from "./store.js";
export type { TreeEntry, TreeFile, TreeWriter } from "./tree.js";
export type { VaultEntry, VaultItem } from "./vault.js";
export type { ImportOptions, LayerEntry } from "./archive-import.js";
export type { Damage, VerifyOptions, VerifyProgress, VerifyReport } from "./verify.js";
