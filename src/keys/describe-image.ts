/**
 * What decides an image and what a test of it sees: configuration, files, writer.
 */
import { ARCHIVE_VERSION, digestOf } from "../../cache/index.js";
import { assertNever } from "../model/invariant.js";
import type { ImageConfig, ImageDefinition, ImageFile, TestDefinition } from "../model/node.js";
import { platformName, type Platform } from "../model/platform.js";
import { emulatorDigest, outputDigest, type FieldSink } from "./field-sink.js";
import type { KeyInputs } from "./inputs.js";

export function describeImage(
  definition: ImageDefinition,
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  if (definition.awaits !== undefined) sink.result("Dockerfile", definition.awaits);
  if (definition.base !== undefined) sink.result("base", definition.base, outputDigest("manifest"));
  describeFiles(definition.files, sink, inputs);
  for (const directory of definition.directories) {
    const keep = directory.keep === true ? " if absent" : "";
    sink.text(`directory ${directory.path}`, `${ownership(directory)}${keep}`);
  }
  for (const user of definition.users) {
    sink.text(`user ${user.name}`, [user.uid, user.gid, user.home, user.shell].join(":"));
  }
  describeConfig(definition.config, sink);
  describeWriter(definition, sink);
}

export function describeTest(definition: TestDefinition, sink: FieldSink, inputs: KeyInputs): void {
  sink.result("subject", definition.subject);
  describeFiles(definition.files, sink, inputs);
  sink.map("env", definition.env);
  for (const service of definition.services) {
    sink.text(`service ${service.name}`, JSON.stringify([service.cmd, service.env, service.ready]));
  }
  for (const step of definition.steps) sink.text(`step ${step.name}`, JSON.stringify(step));
  sink.text("platform", platformName(definition.platform));
  sink.text("emulator", emulatorDigest(definition.platform, inputs));
}

/** How a container of the image starts. */
export function describeConfig(config: ImageConfig, sink: FieldSink): void {
  sink.list("entrypoint", config.entrypoint);
  sink.list("cmd", config.cmd);
  sink.list(
    "env",
    Object.entries(config.env).map(([name, value]) => `${name}=${value}`),
  );
  sink.map("labels", config.labels);
  sink.list("ports", config.ports);
  sink.list("volumes", config.volumes);
  sink.text("workdir", config.workdir ?? "");
  sink.text("user", config.user ?? "");
  sink.text("stop signal", config.stopSignal ?? "");
}

/** What decides the bytes of a layer, whatever is in it. */
export function describeWriter(
  { platform, epoch }: { readonly platform: Platform; readonly epoch: number },
  sink: FieldSink,
): void {
  sink.text("platform", platformName(platform));
  sink.text("epoch", String(epoch));
  sink.text("archive writer", String(ARCHIVE_VERSION));
}

function ownership(entry: {
  mode?: number;
  uid: number;
  gid: number;
  nameInDirectory?: string;
}): string {
  const mode = entry.mode === undefined ? "default" : `0o${entry.mode.toString(8)}`;
  const name = entry.nameInDirectory === undefined ? "" : ` as ${entry.nameInDirectory}`;
  return `${mode} ${entry.uid}:${entry.gid}${name}`;
}

/** Content, mode and owner of files. */
export function describeFiles(
  files: readonly ImageFile[],
  sink: FieldSink,
  inputs: KeyInputs,
): void {
  for (const file of files) {
    const { content } = file;
    // Several copies may have one destination.
    const name = `file ${file.path}${content.type === "copy" ? ` ${content.pattern}` : ""}`;
    switch (content.type) {
      case "output":
        sink.result(
          name,
          content.node,
          (record) => `${outputDigest(content.output)(record)} ${ownership(file)}`,
        );
        break;
      case "tree":
        sink.result(
          name,
          content.node,
          (record) => `${record.result} /${content.path} ${ownership(file)}`,
        );
        break;
      case "copy": {
        const { from, root, pattern, optional } = content;
        const rules = JSON.stringify([root, pattern, optional ?? false]);
        sink.result(name, content.node, (record) => {
          const digest = from === "tree" ? record.result : outputDigest("manifest")(record);
          return `${digest} ${rules} ${ownership(file)}`;
        });
        break;
      }
      case "local": {
        const digest = inputs.fileDigest(content.path);
        if (digest === undefined) sink.missing.push(content.path);
        sink.text(name, `${digest ?? "absent"} ${ownership(file)}`);
        break;
      }
      case "text":
        sink.text(name, `${digestOf(content.text)} ${ownership(file)}`);
        break;
      case "link":
        sink.text(name, `link ${content.target}`);
        break;
      default:
        assertNever(content);
    }
  }
}
