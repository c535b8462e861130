/**
 * The OCI image config: how a container of the image starts, and the diffIDs of its layers.
 *
 * Canonical: keys in the order of the specification's Go structs, times from the epoch, nothing of
 * the host. Child over base merges as `docker build` does.
 */
import { inheritedLabels } from "../model/labels.js";
import type { Digest } from "../../cache/index.js";
import type { ImageConfig } from "../model/node.js";
import { ociPlatform, platformOf, type Platform } from "../model/platform.js";

/** The `config` object inside the image config; absent keys are left out of the JSON. */
export interface RuntimeConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly empty_layer?: boolean;
}

/** The whole config blob. */
export interface ImageConfigDocument {
  readonly created?: string;
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly config?: RuntimeConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/** `1970-01-01T00:00:00Z` for 0: RFC 3339 without a fraction. */
export function timestamp(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

/** The config of an image whose layers are `base`'s and, when given, one more with `diffId`. */
export function imageConfig(
  config: ImageConfig,
  options: {
    readonly platform: Platform;
    readonly epoch: number;
    readonly diffId?: Digest;
    readonly base?: ImageConfigDocument;
  },
): ImageConfigDocument {
  const { platform, epoch, diffId, base } = options;
  const created = timestamp(epoch);
  const history: HistoryEntry[] = (base?.history ?? []).map(canonicalHistory);
  if (diffId !== undefined) history.push({ created, created_by: "kmips" });
  return {
    created,
    ...ociPlatform(platform),
    config: runtimeConfig(config, base?.config ?? {}),
    rootfs: {
      type: "layers",
      diff_ids: [...(base?.rootfs.diff_ids ?? []), ...(diffId === undefined ? [] : [diffId])],
    },
    history,
  };
}

/**
 * The child's settings over the base's: variables by name, in the base's place when it has them;
 * labels, ports and volumes united; a new entrypoint drops the base's cmd, which was its argument.
 */
export function runtimeConfig(child: ImageConfig, base: RuntimeConfig): RuntimeConfig {
  const env = mergeEnv(base.Env ?? [], child.env);
  const entrypoint = child.entrypoint.length > 0 ? child.entrypoint : (base.Entrypoint ?? []);
  const inheritedCmd = child.entrypoint.length > 0 ? [] : (base.Cmd ?? []);
  const cmd = child.cmd.length > 0 ? child.cmd : inheritedCmd;
  const ports = sortedKeys([...Object.keys(base.ExposedPorts ?? {}), ...child.ports]);
  const volumes = sortedKeys([...Object.keys(base.Volumes ?? {}), ...child.volumes]);
  const labels = { ...inheritedLabels(base.Labels ?? {}), ...child.labels };
  const user = child.user ?? base.User;
  const workdir = child.workdir ?? base.WorkingDir;
  const stopSignal = child.stopSignal ?? base.StopSignal;
  return {
    ...(user ? { User: user } : {}),
    ...(ports.length > 0 ? { ExposedPorts: emptyObjects(ports) } : {}),
    ...(env.length > 0 ? { Env: env } : {}),
    ...(entrypoint.length > 0 ? { Entrypoint: [...entrypoint] } : {}),
    ...(cmd.length > 0 ? { Cmd: [...cmd] } : {}),
    ...(volumes.length > 0 ? { Volumes: emptyObjects(volumes) } : {}),
    ...(workdir ? { WorkingDir: workdir } : {}),
    ...(Object.keys(labels).length > 0 ? { Labels: sortedRecord(labels) } : {}),
    ...(stopSignal ? { StopSignal: stopSignal } : {}),
  };
}

/** Whether a config is for `platform`; an absent variant stands for the architecture's default. */
export function isConfigFor(document: ImageConfigDocument, platform: Platform): boolean {
  if (document.os !== platform.os || document.architecture !== platform.arch) return false;
  return (document.variant ?? platformOf(platform.arch).variant) === platform.variant;
}

function mergeEnv(base: readonly string[], child: Readonly<Record<string, string>>): string[] {
  const merged = new Map<string, string>();
  for (const row of base) {
    const equals = row.indexOf("=");
    if (equals > 0) merged.set(row.slice(0, equals), row.slice(equals + 1));
  }
  for (const [name, value] of Object.entries(child)) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}

function canonicalHistory(entry: HistoryEntry): HistoryEntry {
  return {
    ...(entry.created === undefined ? {} : { created: entry.created }),
    ...(entry.created_by === undefined ? {} : { created_by: entry.created_by }),
    ...(entry.empty_layer === true ? { empty_layer: true } : {}),
  };
}

function sortedKeys(keys: readonly string[]): string[] {
  return [...new Set(keys)].sort();
}

function emptyObjects(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

function sortedRecord(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
