/** What a port is made of, row by row, and the last recorded build of all of it. */

/** A run as `kmips.lock` records it. */
export interface RecordedRun {
  /** `group.conformance`. */
  readonly group: string;
  /** `2026-01-31T10:00:00Z`: when it ended. */
  readonly date: string;
  /** Machine and work in words. */
  readonly text: string;
  /** Digest over references and digests of all images. */
  readonly images: string;
}

export interface PortTableRow {
  /** `component`, `image`, or `test image` for one that only the manifest has. */
  readonly kind: string;
  readonly name: string;
  readonly wanted: string;
  /** The version that it really is; undefined for an open or unwanted row. */
  readonly built: string | undefined;
  /** `k8s.io/kubernetes@v1.16.2`, `Debian perl=5.36.0-7`. */
  readonly sources: readonly string[];
  /** File names of patches. */
  readonly patches: readonly string[];
  /** Digest of the manifest, as built or else as recorded. */
  readonly digest: string | undefined;
  /** `2 of 2`. */
  readonly tests: string;
  /** Why it is open, not wanted, or another version. */
  readonly note: string;
}

export interface PortTable {
  readonly rows: readonly PortTableRow[];
  /** The last recorded build of the group that all is in. */
  readonly run: RecordedRun | undefined;
}
