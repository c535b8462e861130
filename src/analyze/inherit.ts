/**
 * What an image's configuration takes from its base, known without building anything.
 *
 * As with Dockerfiles: variables and labels add up with the nearer one winning, an own entrypoint
 * drops the base's cmd, everything else stands until it is replaced. An image that declares users
 * rewrites /etc/passwd, so the base's users come first.
 */
import type { Address, GraphNode, ImageConfig, ImageDefinition, ImageUser } from "../model/node.js";

/** `nodes` (dependencies first) with every image's configuration complete. */
export function inheritConfigs(nodes: ReadonlyMap<Address, GraphNode>): Map<Address, GraphNode> {
  const complete = new Map<Address, GraphNode>();
  const users = new Map<Address, readonly ImageUser[]>();
  for (const [address, node] of nodes) {
    const { definition } = node;
    if (definition.kind !== "image") {
      complete.set(address, node);
      continue;
    }
    const base =
      definition.base === undefined ? undefined : complete.get(definition.base)?.definition;
    if (base?.kind !== "image") {
      users.set(address, definition.users);
      complete.set(address, node);
      continue;
    }
    const inherited = users.get(definition.base as Address) ?? [];
    const merged = mergeUsers(inherited, definition.users);
    users.set(address, merged);
    const whole: ImageDefinition = {
      ...definition,
      config: mergeConfigs(base.config, definition.config),
      users: definition.users.length === 0 ? [] : merged,
    };
    complete.set(address, { ...node, definition: whole });
  }
  return complete;
}

function mergeUsers(
  inherited: readonly ImageUser[],
  own: readonly ImageUser[],
): readonly ImageUser[] {
  if (own.length === 0) return inherited;
  return [
    ...inherited.filter((user) => !own.some((candidate) => candidate.name === user.name)),
    ...own,
  ];
}

function mergeConfigs(base: ImageConfig, own: ImageConfig): ImageConfig {
  const ownEntrypoint = own.entrypoint.length > 0;
  return {
    ...base,
    ...own,
    entrypoint: ownEntrypoint ? own.entrypoint : base.entrypoint,
    cmd: own.cmd.length > 0 || ownEntrypoint ? own.cmd : base.cmd,
    env: { ...base.env, ...own.env },
    labels: { ...base.labels, ...own.labels },
    ports: union(base.ports, own.ports),
    volumes: union(base.volumes, own.volumes),
  };
}

function union(base: readonly string[], own: readonly string[]): readonly string[] {
  return own.length === 0 ? base : [...new Set([...base, ...own])];
}
