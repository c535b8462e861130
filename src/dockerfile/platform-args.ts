/**
 * The build arguments that BuildKit defines by itself.
 */

/** A platform as Docker spells it: `linux`, `arm64`, `v8`. */
export interface DockerPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/**
 * `TARGETPLATFORM` and its parts. The build platform is the target's as well: what of a Dockerfile
 * runs at all runs on the target, whatever machine emulates it, so that no result depends on that.
 */
export function platformArgs({
  os,
  architecture,
  variant,
}: DockerPlatform): Readonly<Record<string, string>> {
  const platform = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
  const parts: Record<string, string> = {};
  for (const side of ["TARGET", "BUILD"]) {
    parts[`${side}PLATFORM`] = platform;
    parts[`${side}OS`] = os;
    parts[`${side}ARCH`] = architecture;
    parts[`${side}VARIANT`] = variant ?? "";
  }
  return parts;
}
