/** What Go's source files say without being compiled. */
export type { GoPlatform } from "./constraint.js";
export { readGoMod, type ModuleOrigins } from "./go-mod.js";
export { portRisks, type PackageSource, type PortRisk, type PortRisks } from "./port-risks.js";
