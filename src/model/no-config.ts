import type { ImageConfig } from "./node.js";

/** The settings of an image that declares none: over a base it starts as that does. */
export const NO_CONFIG: ImageConfig = {
  entrypoint: [],
  cmd: [],
  env: {},
  labels: {},
  ports: [],
  volumes: [],
};
