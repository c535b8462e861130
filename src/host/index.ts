/** The real effects: child processes, locks, files, and the tools of this machine. */
export {
  BINFMT_DIRECTORY,
  binfmtState,
  parseBinfmt,
  type BinfmtHandler,
  type BinfmtPlaces,
  type BinfmtState,
} from "./binfmt.js";
export { DiskFileReader } from "./files.js";
export { FlockLocker, LockError } from "./flock.js";
export {
  ChildProcessRunner,
  holdProcess,
  SpawnError,
  startDaemon,
  ToolMissingError,
  type Daemon,
  type HeldProcess,
} from "./process.js";
export { endProcesses, identifyProcess, isAlive, type ProcessIdentity } from "./living-process.js";
export { freePorts, isFreePort, LOOPBACK } from "./ports.js";
export { allowedProcessors, describeMachine, parseProcessorList, type Machine } from "./machine.js";
export { Tools, type Tool, type ToolSearch } from "./tools.js";
export { compilerPrograms } from "./compiler.js";
export { UnsupportedFileError, walkDirectory, walkFile, type WalkedFile } from "./walk.js";
