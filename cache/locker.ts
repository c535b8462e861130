/**
 * Kernel locks between processes. Node has none of its own, so the real one (in `src/host`)
 * holds them through a child; the cache only knows this port.
 */
export interface Locker {
  /**
   * Takes a lock on the file at `path`, which is created when absent. The kernel releases it when
   * this process dies. Resolves to undefined when `wait` is false and another process holds it.
   */
  acquire(
    path: string,
    mode: "shared" | "exclusive",
    wait: boolean,
  ): Promise<LockHandle | undefined>;
}

export interface LockHandle {
  release(): Promise<void>;
}
