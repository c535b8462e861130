/** Projects of a given size, for kmips, ninja and turbo. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./measure.mjs";

/** Declarations a recipe file may have at most. */
const PER_RECIPE = 10_000;
const PER_DIRECTORY = 100;

/**
 * `count` units of one file each: a kmips project of as many source nodes, and a build.ninja that
 * copies the same files.
 */
export function syntheticProject(directory, count) {
  mkdirSync(directory, { recursive: true });
  const files = [];
  for (let index = 0; index < count; index++) {
    const folder = `f/${Math.floor(index / PER_DIRECTORY)}`;
    if (index % PER_DIRECTORY === 0) mkdirSync(join(directory, folder), { recursive: true });
    files.push(`${folder}/${index}.txt`);
    writeFileSync(join(directory, files[index]), `file ${index}\n`);
  }
  const parts = [];
  for (let first = 0; first < count; first += PER_RECIPE) {
    const name = `part-${parts.length}.kmips`;
    parts.push(name);
    const rows = files
      .slice(first, first + PER_RECIPE)
      .map((path, offset) => `source s${first + offset} { files = ["${path}"] }\n`);
    writeFileSync(join(directory, name), `kmips 1\n${rows.join("")}`);
  }
  const imports = parts.map((name) => `import "${name}"\n`).join("");
  writeFileSync(
    join(directory, "project.kmips"),
    `kmips 1\n${imports}\nproject { name = "synthetic-${count}" }\n`,
  );
  const edges = files.map((path) => `build out/${path}: cp ${path}\n`).join("");
  writeFileSync(join(directory, "build.ninja"), `rule cp\n  command = cp $in $out\n${edges}`);
}

/** The release that is measured. */
const TURBO = "turbo@2.11.11";

/**
 * Installs the peer below `directory` and returns its node_modules. Not a dependency of kmips: its
 * lock entries name binaries for systems that no locked install here can fetch.
 */
export function installTurbo(directory) {
  mkdirSync(directory, { recursive: true });
  // With the user's own environment: npm needs its certificates, which measured commands go without.
  const argv = [
    "npm",
    "install",
    "--no-audit",
    "--no-fund",
    "--no-save",
    "--prefix",
    directory,
    TURBO,
  ];
  run(argv, { env: process.env });
  return join(directory, "node_modules");
}

/** A workspace of `count` packages with one cached task each, and the command that runs them. */
export function turboWorkspace(directory, count, modules) {
  mkdirSync(join(directory, "node_modules/.bin"), { recursive: true });
  for (const name of ["turbo", "@turbo"]) {
    symlinkSync(resolve(modules, name), join(directory, "node_modules", name));
  }
  symlinkSync("../turbo/bin/turbo", join(directory, "node_modules/.bin/turbo"));
  const json = (path, value) => writeFileSync(join(directory, path), JSON.stringify(value));
  json("package.json", {
    name: "workspace",
    private: true,
    packageManager: "npm@10.0.0",
    workspaces: ["p/*"],
  });
  const packages = { "": { name: "workspace", workspaces: ["p/*"] } };
  for (let index = 0; index < count; index++) {
    const path = `p/unit-${index}`;
    mkdirSync(join(directory, path, "src"), { recursive: true });
    json(`${path}/package.json`, {
      name: `unit-${index}`,
      version: "1.0.0",
      scripts: { build: "mkdir -p dist && cp src/* dist" },
    });
    for (let file = 0; file < 5; file++) {
      writeFileSync(join(directory, path, `src/${file}.txt`), `${index} ${file}\n`);
    }
    packages[path] = { version: "1.0.0" };
    packages[`node_modules/unit-${index}`] = { resolved: path, link: true };
  }
  json("package-lock.json", { name: "workspace", lockfileVersion: 3, requires: true, packages });
  json("turbo.json", { tasks: { build: { outputs: ["dist/**"] } } });
  writeFileSync(join(directory, ".gitignore"), "node_modules\ndist\n.turbo\n");
  const git = (...args) =>
    run(["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", ...args], {
      cwd: directory,
    });
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "Units");
  return {
    cwd: directory,
    argv: [
      "env",
      "TURBO_TELEMETRY_DISABLED=1",
      "DO_NOT_TRACK=1",
      "TURBO_NO_UPDATE_NOTIFIER=1",
      join(directory, "node_modules/.bin/turbo"),
      "run",
      "build",
    ],
  };
}
