/**
 * What an image's configuration takes from its base, known without building anything.
 *
 * As with Dockerfiles: variables and labels add up with the nearer one winning, an own entrypoint
 * drops the base's cmd, everything else stands until it is replaced. An image that declares users
 * rewrites /etc/passwd, so the base's users come first.
 */
import { inheritedLabels } from "../model/labels.js";
import type { Address, GraphNode, ImageConfig, ImageDefinition, ImageUser } from "../model/node.js";

/** `nodes` (dependencies first) with every image's configuration complete. */
export function inheritConfigs(nodes: ReadonlyMap<Address, GraphNode>): Map<Address, GraphNode> {
  const complete = new Map<Address, GraphNode>();
  const inherited = new Map<Address, Inherited>();
  for (const [address, node] of nodes) {
    const { definition } = node;
    complete.set(address, node);
    if (definition.kind === "base")
      inherited.set(address, { config: definition.config, users: [] });
    else if (definition.kind === "install" || definition.kind === "run") {
      const below = inherited.get(definition.base);
      if (below !== undefined) inherited.set(address, below);
    } else if (definition.kind === "image") {
      const below = definition.base === undefined ? undefined : inherited.get(definition.base);
      const users = mergeUsers(below?.users ?? [], definition.users);
      const config =
        below === undefined ? definition.config : mergeConfigs(below.config, definition.config);
      inherited.set(address, { config, users });
      if (below === undefined) continue;
      const whole: ImageDefinition = {
        ...definition,
        config,
        users: definition.users.length === 0 ? [] : users,
      };
      complete.set(address, { ...node, definition: whole });
    }
  }
  return complete;
}

/** What stands on a node takes from it. */
interface Inherited {
  readonly config: ImageConfig;
  readonly users: readonly ImageUser[];
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
    labels: { ...inheritedLabels(base.labels), ...own.labels },
    ports: union(base.ports, own.ports),
    volumes: union(base.volumes, own.volumes),
  };
}

function union(base: readonly string[], own: readonly string[]): readonly string[] {
  return own.length === 0 ? base : [...new Set([...base, ...own])];
}
