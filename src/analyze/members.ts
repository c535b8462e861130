/**
 * What stands behind a dot: `source.etcd`, `component.etcd.etcdctl`, `self.version`, `target.arch`.
 */
import type { Location, MemberExpr } from "../../grammar/index.js";
import { platformName, platformSpellings } from "../model/platform.js";
import { ROOTS, TARGET_MEMBERS } from "./scope.js";
import { place, poison, type Environment } from "./session.js";
import { didYouMean } from "./types.js";
import { versionNumbers } from "./version.js";
import { show, typeName, type ReferenceKind, type TargetValue, type Value } from "./values.js";

const SELF_MEMBERS = ["name", "version", "address"] as const;
const VERSION_MEMBERS = ["major", "minor", "patch"] as const;
const PROJECT_MEMBERS = ["name", "targets", "epoch"] as const;

/** The value of `object.name`. */
export function evaluateMember(expr: MemberExpr, at: Location, env: Environment): Value {
  const name = expr.name.text;
  const nameAt = place(env.frame, expr.name.span);
  if (
    expr.object.type === "name" &&
    ROOTS.has(expr.object.name) &&
    !shadowed(expr.object.name, env)
  ) {
    const root = expr.object.name;
    switch (root) {
      case "self":
        return selfMember(name, at, nameAt, env);
      case "project":
        return projectMember(name, at, nameAt, env);
      case "option":
        return optionValue(name, at, nameAt, env);
      case "matrix":
        return matrixMember(name, at, nameAt, env);
      case "target":
        if ((TARGET_MEMBERS as readonly string[]).includes(name))
          return currentTarget(name, at, env);
        break;
    }
    return reference(root as ReferenceKind, name, at, nameAt, env);
  }
  const object = env.session.evaluate(expr.object, env);
  switch (object.type) {
    case "poison":
      return object;
    case "reference":
      if (object.kind === "component" && object.program === undefined)
        return { ...object, program: { text: name, at: nameAt }, at };
      break;
    case "target": {
      const value = targetMember(object, name, at);
      if (value !== undefined) return value;
      return unknown(`A target`, name, TARGET_MEMBERS, nameAt, env);
    }
    case "module":
      if (name === "path") return { type: "str", text: object.path, at };
      if (name === "version") return { type: "version", text: object.version, at };
      return unknown("A module", name, ["path", "version"], nameAt, env);
    case "version": {
      const part = VERSION_MEMBERS.findIndex((member) => member === name);
      if (part >= 0) return { type: "int", value: versionNumbers(object.text)[part] ?? 0, at };
      return unknown("A version", name, VERSION_MEMBERS, nameAt, env);
    }
    default:
      break;
  }
  env.session.findings.error(
    "KM0215",
    nameAt,
    `${object.type === "enum" ? `The name "${object.text}"` : `The ${typeName(object)} ${show(object)}`} has no member "${name}"`,
    {
      ...(object.type === "enum" && didYouMean(object.text, ROOTS)),
      notes: env.frame.notes,
    },
  );
  return poison(at);
}

function shadowed(name: string, env: Environment): boolean {
  return env.variables?.has(name) === true || env.frame.locals?.has(name) === true;
}

function unknown(
  what: string,
  name: string,
  members: readonly string[],
  at: Location,
  env: Environment,
): Value {
  const near = didYouMean(name, members);
  env.session.findings.error("KM0215", at, `${what} has no member "${name}"`, {
    help: near.help ?? (members.length > 0 ? `it has ${members.join(", ")}` : undefined),
    notes: env.frame.notes,
  });
  return poison(at);
}

function unavailable(text: string, why: string, at: Location, env: Environment): Value {
  env.session.findings.error("KM0226", at, `"${text}" has no meaning here: ${why}`, {
    notes: env.frame.notes,
  });
  return poison(at);
}

function reference(
  kind: ReferenceKind,
  name: string,
  at: Location,
  nameAt: Location,
  env: Environment,
): Value {
  const { scope, findings } = env.session;
  if (scope.get(kind, name) !== undefined) return { type: "reference", kind, name, at };
  scope.reportUnknown(kind, name, nameAt, findings, env.frame.notes);
  return poison(at);
}

function selfMember(name: string, at: Location, nameAt: Location, env: Environment): Value {
  const { cell } = env;
  if (cell === undefined)
    return unavailable(`self.${name}`, "it is decided before the node exists", at, env);
  switch (name) {
    case "name":
      return { type: "str", text: cell.declared.name, at };
    case "address":
      return { type: "str", text: cell.address, at };
    case "version": {
      const version = cell.version();
      if (version !== undefined) return version;
      env.session.findings.error(
        "KM0215",
        nameAt,
        `${cell.declared.kind}.${cell.declared.name} has no version`,
        { help: "add: version = v1.0.0", notes: env.frame.notes },
      );
      return poison(at);
    }
    default:
      return unknown('"self"', name, SELF_MEMBERS, nameAt, env);
  }
}

function projectMember(name: string, at: Location, nameAt: Location, env: Environment): Value {
  const { project } = env.session;
  if (project === undefined)
    return unavailable(`project.${name}`, "the project is being declared", at, env);
  switch (name) {
    case "name":
      return { type: "str", text: project.name, at };
    case "targets":
      return { type: "list", items: project.targets.map((target) => ({ ...target, at })), at };
    case "epoch":
      return { type: "instant", value: project.epoch, at };
    default:
      return unknown('"project"', name, PROJECT_MEMBERS, nameAt, env);
  }
}

function optionValue(name: string, at: Location, nameAt: Location, env: Environment): Value {
  const { options, findings } = env.session;
  if (options === undefined)
    return unavailable(`option.${name}`, "the options are being declared", at, env);
  const value = options.get(name);
  if (value !== undefined) return { ...value, at };
  findings.error("KM0215", nameAt, `The project has no option "${name}"`, {
    help:
      didYouMean(name, options.keys()).help ??
      `declare it in the project's own recipe: project { options { ${name} = … } }`,
    notes: env.frame.notes,
  });
  return poison(at);
}

function matrixMember(name: string, at: Location, nameAt: Location, env: Environment): Value {
  const { cell } = env;
  if (cell === undefined)
    return unavailable(`matrix.${name}`, "the cells are not decided yet", at, env);
  const value = cell.axes.get(name);
  if (value !== undefined) return { ...value, at };
  if (name === "target" && cell.target !== undefined) return { ...cell.target, at };
  if (cell.axes.size === 0)
    return unavailable(
      `matrix.${name}`,
      `${cell.declared.kind}.${cell.declared.name} has no matrix`,
      at,
      env,
    );
  return unknown("The matrix", name, [...cell.axes.keys()], nameAt, env);
}

function currentTarget(name: string, at: Location, env: Environment): Value {
  const target = env.cell?.target;
  if (target === undefined) {
    const what =
      env.cell === undefined
        ? "there is no node yet"
        : `a ${env.cell.declared.kind} has no platform of its own`;
    return unavailable(`target.${name}`, what, at, env);
  }
  const value = targetMember(target, name, at);
  if (value !== undefined) return value;
  return unavailable(`target.${name}`, `${target.name} has none`, at, env);
}

function targetMember(target: TargetValue, name: string, at: Location): Value | undefined {
  const { platform } = target;
  const spellings = platformSpellings(platform);
  switch (name) {
    case "arch":
      return { type: "enum", text: platform.arch, at };
    case "float":
      return platform.float === undefined ? undefined : { type: "enum", text: platform.float, at };
    case "os":
      return { type: "str", text: platform.os, at };
    case "platform":
      return { type: "str", text: platformName(platform), at };
    case "debian":
      return { type: "str", text: spellings.debian, at };
    case "triplet":
      return { type: "str", text: spellings.gnu, at };
    case "qemu":
      return { type: "str", text: spellings.qemu, at };
    case "uname":
      return { type: "str", text: spellings.uname, at };
    default:
      return undefined;
  }
}
