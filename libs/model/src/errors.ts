/**
 * An error that the user can act on: what failed, where, and what mends it. One place (the CLI and the executors) prints it.
 */
export class StackError extends Error {
  constructor(
    /** Stable name of the kind of error, e.g. `PORT_TAKEN`. */
    readonly code: string,
    /** What failed and where, one sentence. */
    message: string,
    /** The command or the edit that mends it. */
    readonly remedy?: string,
    /** Further lines, such as the end of a log. */
    readonly details: readonly string[] = [],
  ) {
    super(message);
    this.name = 'StackError';
  }

  /** The text shown to the user. */
  override toString(): string {
    return [
      this.message,
      ...this.details.map((line) => `  | ${line}`),
      ...(this.remedy ? [`→ ${this.remedy}`] : []),
    ].join('\n');
  }
}
