/** An answer that isn't what was asked for: RFC 9457, as the stack's servers send it. */
export class Problem extends Error {
  constructor(
    /** Of HTTP; 0 when there was no answer. */
    readonly status: number,
    readonly detail: string,
    /** What to do. */
    readonly remedy: string,
    /** Where in a query, in characters from 1. */
    readonly position?: number,
  ) {
    super(detail);
  }

  static readonly unreachable = (): Problem =>
    new Problem(0, 'the server can’t be reached', 'is it running? `make status` tells');
}
