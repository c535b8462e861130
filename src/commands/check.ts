/** One finding of `kmips doctor`. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** Debian package that fixes it. */
  readonly package?: string;
  /** The command or act that fixes it. */
  readonly fix?: string;
}
