/** What a tool can't do, in words for the one who asked: what failed, and what mends it. */
export class ToolError extends Error {
  override name = 'ToolError';

  /**
   * @param code stable, for programs: `service_down`
   * @param remedy what to do, or which tool to call
   */
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}
